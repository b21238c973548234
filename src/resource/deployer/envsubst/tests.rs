use super::{
    DISABLED, DISABLING_KEY, Origin, Strictness, Substituted, SubstitutionError, Uncertainty, Variable,
    is_variable_name, substitute, value_of,
};

/// What upstream makes of each text: the text, the result, and the result in strict mode if it differs; `=` is before
/// a text, `!` before an error. Made with `envsubst.Eval` of github.com/fluxcd/pkg/envsubst 1.7.0.
const TABLE: &str = include_str!("table.txt");

fn lookup(name: &str) -> Variable {
    let value = match name {
        "A" => "alpha",
        "E" => "",
        "V" => "v1.2.3",
        "P" => "a/b/c.tar.gz",
        "M" => "MiXed",
        "N" => "3",
        "I" => "reg.io:5000/team/app:1.0",
        "G" => "a*",
        "U" => "éÀß",
        "S" => "a\\b$c",
        "K" => return Variable::Unknown,
        _ => return Variable::Unset,
    };
    Variable::Value(value.to_owned())
}

fn shown(result: Result<Substituted, SubstitutionError>) -> String {
    match result {
        Ok(Substituted::Known { text, .. }) => format!("={text}"),
        Ok(Substituted::Unknown { cause, .. }) => format!("?{cause:?}"),
        Err(error) => format!("!{error}"),
    }
}

fn lenient(text: &str) -> String {
    shown(substitute(text, Strictness::Lenient, &lookup))
}

fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('0') => '\0',
                other => other.expect("an escaped character"),
            },
            other => other,
        });
    }
    plain
}

#[test]
fn text_becomes_what_flux_makes_of_it() {
    let mut wrong = Vec::new();
    for row in TABLE.lines().filter(|row| !row.starts_with("# ")) {
        let mut cells = row.split('\t').map(unescape);
        let (text, result) = (cells.next().expect("a text"), cells.next().expect("a result"));
        let strict = cells.next().unwrap_or_else(|| result.clone());
        for (strictness, expected) in [(Strictness::Lenient, result), (Strictness::Strict, strict)] {
            let actual = shown(substitute(&text, strictness, &lookup));
            if actual != expected {
                wrong.push(format!("{strictness:?} {text:?}: {actual:?} instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn unknown_variable_makes_only_what_depends_on_it_unknown() {
    let unknown = format!("?{:?}", Uncertainty::Variable("K".to_owned()));
    for text in [
        "${K}",
        "app:${K}",
        "${K:-x}",
        "${K:=x}",
        "${#K}",
        "${K^}",
        "${K:0:1}",
        "${K%%:*}",
        "${K/a/b}",
        "${Z:-${K}}",
        "${E:-a${K}b}",
        "${A/${K}/b}",
        "${A:${K}}",
        "${A}${K}${A}",
    ] {
        assert_eq!(lenient(text), unknown, "{text}");
    }
    for (text, expected) in [
        ("${A:-${K}}", "=alpha"),
        ("${A=x${K}y}", "=alpha"),
        ("$${K}", "=${K}"),
        ("$K", "=$K"),
        // What Flux cannot parse or evaluate fails whatever the value is.
        ("${K}${}", "!unable to parse variable name"),
        ("${K}${A:1:-1}", "!slice bounds out of range"),
        ("${\u{b2}}", "?Name(\"\u{b2}\")"),
    ] {
        assert_eq!(lenient(text), expected, "{text}");
    }
    assert_eq!(shown(substitute("${K}${Z}", Strictness::Strict, &lookup)), "!variable not set (strict mode): \"Z\"");
}

#[test]
fn uses_lead_from_the_result_to_the_expression() {
    let text = "app:${V}-${Z:-${E:-${A}}x}/${A:-${Z}}${Z}";
    let Ok(Substituted::Known { text: result, uses }) = substitute(text, Strictness::Lenient, &lookup) else {
        panic!("a known result");
    };
    assert_eq!(result, "app:v1.2.3-alphax/alpha");
    let found: Vec<_> = uses
        .iter()
        .map(|usage| {
            (usage.variable.as_str(), &text[usage.written.clone()], &result[usage.result.clone()], usage.origin)
        })
        .collect();
    let nested = "${Z:-${E:-${A}}x}";
    let expected = [
        ("V", "${V}", "v1.2.3", Origin::Value),
        ("Z", nested, "alphax", Origin::Default),
        ("E", nested, "alphax", Origin::Default),
        ("A", nested, "alphax", Origin::Value),
        ("A", "${A:-${Z}}", "alpha", Origin::Value),
        ("Z", "${Z}", "", Origin::Nothing),
    ];
    assert_eq!(found, expected);

    let Ok(Substituted::Unknown { uses, .. }) = substitute("é${K}", Strictness::Lenient, &lookup) else {
        panic!("an unknown result");
    };
    assert_eq!((uses[0].written.clone(), uses[0].result.clone(), uses[0].origin), (2..6, 0..0, Origin::Unknown));
}

#[test]
fn names_and_values_are_those_of_flux() {
    for name in ["a", "_", "APP_TAG2", "_1"] {
        assert!(is_variable_name(name), "{name}");
    }
    for name in ["", "1a", "a-b", "a.b", "é", "a\n", " a"] {
        assert!(!is_variable_name(name), "{name}");
    }
    assert_eq!(value_of("a\r\n\nb\n"), "a\rb");
    assert_eq!(format!("{DISABLING_KEY}: {DISABLED}"), "kustomize.toolkit.fluxcd.io/substitute: disabled");
}

#[test]
fn letters_change_case_one_for_one() {
    let of = |value: &'static str, text: &str| {
        shown(substitute(text, Strictness::Lenient, &move |_| Variable::Value(value.to_owned())))
    };
    assert_eq!(of("ßŉǰᾳὖᾀΐ", "${A^^}"), "=ßŉǰᾼὖᾈΐ");
    assert_eq!(of("İΣΣ", "${A,,}"), "=iσσ");
}

#[test]
fn hostile_text_is_given_up_and_not_worked_through() {
    let limit = format!("?{:?}", Uncertainty::Limit);
    let big = |_: &str| Variable::Value("a".repeat(100_000));
    let of = |text: &str| shown(substitute(text, Strictness::Lenient, &big)).chars().take(400).collect::<String>();
    assert_eq!(lenient(&"${Z:-".repeat(100_000)), limit);
    assert_eq!(of("${B//a/${B}}"), limit);
    assert_eq!(of("${B##*a*a*a*b}"), limit);
    assert_eq!(of("${B##*[b-c]}"), limit);
    assert_eq!(of(&"${B}".repeat(50)), limit);
    assert_eq!(of(&"${#B}".repeat(30)), format!("={}", "100000".repeat(30)));
    assert_eq!(of(&"${#B}".repeat(5_000)), limit);
    assert_eq!(lenient(&"$$".repeat(100_000)).len(), 100_001);
    let deep = format!("{}x{}", "${Z:-".repeat(64), "}".repeat(64));
    assert_eq!(lenient(&deep), "=x");
    assert_eq!(lenient(&format!("${{Z:-{deep}}}")), limit);
}
