//! Manifests and registries that mean harm: to the terminal, to the log's reader, to the secret.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use pullcheck::findings::finding::Subject;
use pullcheck::findings::suppression::{Silenced, SilencedBy};
use pullcheck::output::redact::Redactor;
use pullcheck::output::{self, Format, Style, sanitize};
use pullcheck::report::{InputError, Report};
use pullcheck::text::source::{Encoding, Source, SourceId, Sources, Span};

use super::shop;
use crate::report_parsers;

const FORMATS: [Format; 8] = [
    Format::Human,
    Format::Plain,
    Format::Json,
    Format::Sarif,
    Format::Github,
    Format::Gitlab,
    Format::Junit,
    Format::Markdown,
];

/// A report in which every string of foreign origin is `text`.
fn infested(text: &str) -> (Report, Sources) {
    infested_but_for_names(text, text)
}

/// The same, in which paths and names of objects are `name`.
fn infested_but_for_names(text: &str, name: &str) -> (Report, Sources) {
    let (mut report, _) = shop();
    let source = format!("{text}\nimage: {text}\n# {text}\n");
    let start = text.len() + 8;
    let span = Span::new(SourceId(0), start as u32, (start + text.len()) as u32);
    let mut sources = Sources::new(vec![Source::new(format!("{name}.yaml"), source, Encoding::Utf8)]);
    let gone = sources.push(Source::unreadable(format!("{name}.json")));
    let owned = || text.to_owned();
    let named = || name.to_owned();
    let image = &mut report.images[0];
    image.value = owned();
    image.span = span;
    image.path = named();
    image.resource.api_version = named();
    image.resource.kind = named();
    image.resource.namespace = Some(named());
    image.resource.name = Some(named());
    image.container.name = Some(named());
    image.declared_pull_policy = Some(owned());
    image.service_account = named();
    image.event = Some(owned());
    image.digest = Some(owned());
    image.media_type = Some(owned());
    image.platforms = Some(vec![owned()]);
    image.pull_secrets[0].name = named();
    image.credentials[0].key = owned();
    image.credentials[0].written_key = owned();
    image.pull_secrets[0].reason = Some(owned());
    image.credentials[0].secret = Some(named());
    let subject = Subject {
        resource: Some(image.resource.clone()),
        container: Some(image.container.clone()),
        image: Some(owned()),
    };
    report.findings.truncate(2);
    report.findings.push(report.findings[1].clone());
    for finding in &mut report.findings {
        finding.message = format!("says {text}");
        finding.help = Some(format!("change\n{text}"));
        finding.event = Some(owned());
        finding.subject = subject.clone();
        finding.primary.span = span;
        finding.primary.message = owned();
        finding.related.clear();
    }
    report.findings[0] = report.findings[0].clone().related(Span::new(gone, 0, 0), text).related(span, text);
    let reason = SilencedBy::Suppression { reason: Some(owned()) };
    report.silenced = vec![Silenced { finding: report.findings[1].clone(), by: reason }];
    report.errors = vec![InputError { file: Some(named()), message: owned() }];
    report.masked.clear();
    (report, sources)
}

/// Every output that there is, in every style.
fn outputs(text: &str) -> Vec<(Format, String)> {
    outputs_of(&infested(text), &Redactor::default())
}

fn outputs_of((report, sources): &(Report, Sources), redactor: &Redactor) -> Vec<(Format, String)> {
    let mut all = Vec::new();
    for style in [Style::default(), Style { width: Some(40), unicode: true, ..Style::default() }] {
        for format in FORMATS {
            all.push((format, output::render(format, report, sources, &style, redactor)));
            if format.lists_images() {
                all.push((format, output::render_images(format, report, sources, &style, redactor)));
            }
        }
    }
    all
}

#[test]
fn control_characters_are_escaped_in_every_output() {
    let hidden: Vec<char> = ('\0'..='\u{9f}')
        .filter(|c| c.is_control())
        .chain(
            "\u{61c}\u{200b}\u{200d}\u{200e}\u{202a}\u{202e}\u{2028}\u{2029}\u{2066}\u{2069}\u{feff}\u{e0041}".chars(),
        )
        .collect();
    for c in hidden {
        for (format, shown) in outputs(&format!("x{c}[2Jy")) {
            let found = shown.chars().find(|&other| other == c && c != '\n');
            assert_eq!(found, None, "{c:?} in {format:?}: {shown}");
        }
    }
}

#[test]
fn line_break_in_a_field_does_not_start_a_line() {
    for breaking in ['\n', '\r', '\u{85}', '\u{2028}', '\u{b}'] {
        for (_, shown) in outputs(&format!("x{breaking}0 files, all is well")) {
            let forged = shown.lines().find(|line| line.starts_with("0 files, all"));
            assert_eq!(forged, None, "{shown}");
        }
    }
}

#[test]
fn json_escapes_preserve_the_original_text() {
    let text = "x\u{1b}\u{9b}\u{202e}\u{e0041}\u{7f}##[error] é𝄞\"\\";
    let (_, shown) = outputs(text).into_iter().find(|(f, _)| *f == Format::Json).expect("one");
    let json: serde_json::Value = serde_json::from_str(&shown).expect("output is JSON");
    assert_eq!(json["images"][0]["value"], text);
    assert!(shown.contains("\\udb40\\udc41") && shown.contains("é𝄞"), "{shown}");
}

#[test]
fn workflow_commands_in_input_are_neutralized() {
    for text in ["##[error]forged", "a ##[group]b", "::set-output name=a::b", " \u{a0}::add-mask::x", "a ::error::b"] {
        for (format, shown) in outputs(text) {
            assert!(!shown.contains("##["), "{shown}");
            let command = |line: &&str| line.trim_start().starts_with("::");
            let ours =
                shown.lines().filter(command).filter(|line| report_parsers::Command::parse(line).is_some_and(is_ours));
            let all = shown.lines().filter(command);
            assert_eq!((format == Format::Github) as usize * 3, ours.count(), "{shown}");
            assert_eq!((format == Format::Github) as usize * 3, all.count(), "{shown}");
        }
    }
}

/// Whether a command is one that the report itself gives.
fn is_ours(command: report_parsers::Command) -> bool {
    let names: Vec<&str> = command.properties.iter().map(|(name, _)| name.as_str()).collect();
    let title = command.property("title").unwrap_or_default();
    command.name == "error"
        && matches!(
            names.as_slice(),
            ["file", "line", "col", "endLine", "endColumn", "title"] | ["file", "line", "endLine", "title"]
        )
        && matches!(title, "pullcheck: image-not-found" | "pullcheck: wrong-secret-type")
}

/// Text that means harm to one format or another.
const HOSTILE: [&str; 22] = [
    "##[error]forged",
    "::error file=a::b",
    "%0A::error::x%0D%25%3A%2C",
    "a,line=9,title=b::c",
    "\u{1b}[2J\u{9b}x",
    "\u{202e}gpj.exe\u{2066}",
    "x\n::error::y\r\nz",
    "`` ` ```code```",
    "```\n\n# heading",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "]]><failure/>",
    "<![CDATA[",
    "<!-- --><b>",
    "&lt;&#60;&amp;",
    "\"'",
    "[click](https://evil.example)",
    "@acme/team #12 https://evil.example www.evil.example GH-1",
    "| a | b |",
    "**b** _i_ ~s~ $x$ :smile:",
    "{0} {{ .Values.image }}",
    "\u{ffff}\u{fffe}\u{0}\u{b}",
];

#[test]
fn hostile_text_is_escaped_in_every_format() {
    for text in HOSTILE {
        let spelt = sanitize::line(text).into_owned();
        for (format, shown) in outputs(text) {
            let context = format!("{text:?} in {format:?}:\n{shown}");
            match format {
                Format::Human => {}
                Format::Json => drop(serde_json::from_str::<serde_json::Value>(&shown).expect(&context)),
                Format::Plain => {
                    assert_eq!(shown.lines().count(), 3, "{context}");
                    let path = sanitize::break_commands(&spelt);
                    let good = |line: &str| line.starts_with(&format!("{path}.yaml:")) && line.contains(": error[");
                    assert!(shown.lines().all(good), "{context}");
                }
                Format::Sarif => {
                    let json = report_parsers::sarif(&shown).expect(&context);
                    let result = &json["runs"][0]["results"][0];
                    let message = result["message"]["text"].as_str().expect(&context);
                    assert!(!message.replace("\\](", "").contains("]("), "{context}");
                    let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str();
                    assert_eq!(
                        report_parsers::percent_decoded(uri.expect(&context)),
                        format!("{text}.yaml"),
                        "{context}"
                    );
                }
                Format::Gitlab => {
                    let json: serde_json::Value = serde_json::from_str(&shown).expect(&context);
                    assert_eq!(json[0]["location"]["path"], format!("{text}.yaml"), "{context}");
                }
                Format::Github => {
                    let commands: Vec<_> = shown.lines().filter_map(report_parsers::Command::parse).collect();
                    assert_eq!(commands.len(), 3, "{context}");
                    for command in commands {
                        let broken = spelt.replace("##[", "##\\[");
                        let head = if broken.starts_with("::") { "\\" } else { "" };
                        assert_eq!(command.property("file"), Some(&*format!("{head}{broken}.yaml")), "{context}");
                        assert!(command.message.starts_with(&format!("says {broken}")), "{context}");
                        assert!(is_ours(command), "{context}");
                    }
                }
                Format::Junit => {
                    let document = roxmltree::Document::parse(&shown).expect(&context);
                    let named =
                        |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).collect::<Vec<_>>();
                    let spelt = junit_spells(&spelt);
                    let cases = named("testcase");
                    assert!(
                        cases.iter().any(|case| case.attribute("name").is_some_and(|name| name.ends_with(&spelt))),
                        "{context}"
                    );
                    let failures = named("failure");
                    assert_eq!(failures.len(), 1, "{context}");
                    assert_eq!(failures[0].attribute("message"), Some(&*format!("says {spelt}")), "{context}");
                }
                Format::Markdown => {
                    let prose = report_parsers::markdown_prose(&shown);
                    let markup = prose.find(['<', '>', '&', '@', '[', ']', '*', '_', '~', '$', '`', '/', '\\']);
                    assert_eq!(markup.map(|at| &prose[at..]), None, "{prose}\n{context}");
                    assert!(prose.lines().filter(|line| line.starts_with('#')).count() <= 3, "{context}");
                }
            }
        }
    }
}

/// XML has no such characters at all.
fn junit_spells(text: &str) -> String {
    text.replace('\u{ffff}', "\\u{ffff}").replace('\u{fffe}', "\\u{fffe}")
}

#[test]
fn escaped_command_in_a_snippet_keeps_its_label_aligned() {
    let (mut report, _) = shop();
    let source = "##[error] image: nginx\n";
    let sources = Sources::new(vec![Source::new("a.yaml", source, Encoding::Utf8)]);
    report.findings.truncate(1);
    report.findings[0].related.clear();
    report.findings[0].primary.span = Span::new(SourceId(0), 17, 22);
    let style = Style::default();
    let shown = output::render(Format::Human, &report, &sources, &style, &Redactor::default());
    assert!(shown.contains("1 | ##\\[error] image: nginx\n   :                   ^^|^^\n"), "{shown}");
}

const CANARY: &str = "c4nary/+?&%42 wörd";

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn secrets_are_redacted_in_every_encoding() {
    let redactor = Redactor::new([CANARY]);
    let auth = STANDARD.encode(format!("robot:{CANARY}"));
    let forms = [
        CANARY.to_owned(),
        format!("https://robot:{}@ghcr.io/v2/", "c4nary%2F%2B%3F%26%2542%20w%C3%B6rd"),
        format!("https://robot:{}@ghcr.io/v2/", "c4nary%2f%2b%3f%26%2542+w%c3%b6rd"),
        auth.clone(),
        URL_SAFE.encode(format!("u:{CANARY}")),
        STANDARD.encode(format!("{{\"auths\":{{\"ghcr.io\":{{\"auth\":\"{auth}\"}}}}}}")),
    ];
    let fragments: Vec<String> = [0, 1, 2]
        .map(|shift| STANDARD.encode(format!("{}{CANARY}", "x".repeat(shift))))
        .iter()
        .map(|encoded| encoded[4..16].to_owned())
        .chain(["c4nary".to_owned(), "wörd".into(), percent("wörd"), STANDARD.encode(&auth)[12..24].to_owned()])
        .collect();
    for form in forms {
        for (format, shown) in outputs_of(&infested_but_for_names(&format!("before {form} after"), "shop"), &redactor) {
            for fragment in &fragments {
                assert!(!shown.contains(fragment.as_str()), "{fragment} of {form} in {format:?}: {shown}");
            }
            assert!(shown.contains("***"), "{format:?}: {shown}");
        }
    }
}

/// A password of twelve characters or more, so that nothing is spared for being short.
#[test]
fn spared_names_are_shown_even_if_a_secret_matches() {
    let name = "1password-connect";
    for secret in [name, "password-connect", "connect.yaml"] {
        let redactor = Redactor::new([secret]).sparing([name, "1password-connect.yaml", "1password-connect.json"]);
        for (format, shown) in outputs_of(&infested_but_for_names("words", name), &redactor) {
            assert!(shown.contains(name) && !shown.contains("***"), "{secret} in {format:?}: {shown}");
        }
    }
}

#[test]
fn secret_formed_only_by_the_layout_is_redacted() {
    let (report, sources) = shop();
    let redactor = Redactor::new(["api.yaml:13:18"]);
    let shown = output::render(Format::Human, &report, &sources, &Style::default(), &redactor);
    assert!(!shown.contains("api.yaml:13:18") && shown.contains(",-[shop/***]"), "{shown}");
}

#[test]
fn secret_equal_to_a_json_key_leaves_the_json_intact() {
    let redactor = Redactor::new(["registry", "findings", "severity", "pullcheck", "verdict"]);
    let (report, sources) = shop();
    let shown = output::render(Format::Json, &report, &sources, &Style::default(), &redactor);
    let json: serde_json::Value = serde_json::from_str(&shown).expect("output is JSON");
    assert_eq!(json["tool"]["name"], "pullcheck");
    assert_eq!(json["images"][0]["reference"]["registry"], "ghcr.io");
    assert_eq!(json["findings"][0]["severity"], "error");
}

#[test]
fn secret_equal_to_a_format_keyword_leaves_formats_intact() {
    let redactor = Redactor::new(["failure", "testsuite", "warning", "results", "check_name", "shop/api", "endLine"]);
    let (report, sources) = shop();
    let write = |format| output::render(format, &report, &sources, &Style::default(), &redactor);
    assert!(write(Format::Plain).starts_with("shop/api.yaml:10:17: error[wrong-secret-type] "));
    assert_eq!(write(Format::Github).lines().filter_map(report_parsers::Command::parse).count(), 5);
    let junit = write(Format::Junit);
    let junit = roxmltree::Document::parse(&junit).expect("XML");
    assert!(
        junit
            .descendants()
            .any(|node| node.has_tag_name("failure") && node.attribute("type") == Some("image-not-found"))
    );
    let sarif = report_parsers::sarif(&write(Format::Sarif)).expect("valid");
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "shop/api.yaml");
    let gitlab: serde_json::Value = serde_json::from_str(&write(Format::Gitlab)).expect("JSON");
    assert_eq!(
        (&gitlab[0]["check_name"], &gitlab[0]["location"]["path"]),
        (&"wrong-secret-type".into(), &"shop/api.yaml".into())
    );
}

#[test]
fn secret_cut_off_in_a_snippet_is_fully_redacted() {
    let secret = "s3cr3t".repeat(100);
    let source = format!("image: {} {secret} z\n", "y".repeat(50));
    let sources = Sources::new(vec![Source::new("a.yaml", source, Encoding::Utf8)]);
    let (mut report, _) = shop();
    report.findings.truncate(1);
    report.findings[0].related.clear();
    report.findings[0].primary.span = Span::new(SourceId(0), 0, 5);
    let style = Style { width: Some(80), ..Style::default() };
    let shown = output::render(Format::Human, &report, &sources, &style, &Redactor::new([secret.as_str()]));
    assert!(!shown.contains("s3cr3t") && shown.contains("yy **"), "{shown}");
}

#[test]
fn long_fields_are_truncated_in_human_output() {
    let (report, sources) = infested(&"a".repeat(1_000_000));
    for style in [Style::default(), Style { width: Some(80), ..Style::default() }] {
        let shown = output::render(Format::Human, &report, &sources, &style, &Redactor::default());
        assert!(shown.len() < 60_000, "{}", shown.len());
        let table = output::render_images(Format::Human, &report, &sources, &style, &Redactor::default());
        assert!(table.len() < 10_000, "{}", table.len());
    }
}

#[test]
fn messages_outside_a_report_are_sanitized() {
    let shown = output::message("::error::\u{1b}c4nary-token\nnext", &Redactor::new(["c4nary-token"]));
    assert_eq!(shown, "\\::error::\\u{1b}***\nnext");
}
