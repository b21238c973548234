//! What a reader sees.

use insta::assert_snapshot;
use pullcheck::findings::finding::{Finding, Severity};
use pullcheck::output::redact::Redactor;
use pullcheck::output::{self, Format, Style};
use pullcheck::report::Report;
use pullcheck::text::source::{Encoding, Source, SourceId, Sources, Span};

use super::{at, shop};

fn render(report: &Report, sources: &Sources, style: &Style) -> String {
    output::render(Format::Human, report, sources, style, &Redactor::default())
}

/// One warning at a span of one file.
fn one(source: Source, span: (usize, usize), style: &Style) -> String {
    let span = Span::new(SourceId(0), span.0 as u32, span.1 as u32);
    let findings = vec![Finding::new("mutable-tag", Severity::Warning, "it moves", span, "here")];
    let shown = render(&Report { findings, ..Report::default() }, &Sources::new(vec![source]), style);
    let end = shown.find("  more:").unwrap_or_else(|| panic!("no pointer in {shown}"));
    shown[..end].to_owned()
}

fn text(text: &str) -> Source {
    Source::new("a.yaml", text, Encoding::Utf8)
}

fn around(text: &str, needle: &str) -> (usize, usize) {
    let start = text.find(needle).unwrap_or_else(|| panic!("{needle:?} is in the text"));
    (start, start + needle.len())
}

#[test]
fn human_report_in_a_file_or_pipe_matches_snapshot() {
    let (report, sources) = shop();
    assert_snapshot!(render(&report, &sources, &Style::default()), @r#"
error[image-not-found]: ghcr.io/acme/api has no tag 1.9
    ,-[shop/api.yaml:13:18]
 12 |         - name: api
 13 |           image: ghcr.io/acme/api:1.9
    :                  ^^^^^^^^^^|^^^^^^^^^
    :                            `-- no such tag
 14 |         - name: proxy
    `----
  in: Deployment shop/api, container api
  kubectl describe pod would show:
    Failed to pull image "ghcr.io/acme/api:1.9": rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/acme/api:1.9": failed to resolve reference "ghcr.io/acme/api:1.9": ghcr.io/acme/api:1.9: not found
  help: use 1.9.0, the nearest of its 14 tags
  also at: shop/web.yaml:9:38 (CronJob nightly, init container migrate)
  more: pullcheck --explain image-not-found

error[wrong-secret-type]: the kubelet ignores the pull secret ghcr without a word: its type is Opaque, and only kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg count
    ,-[shop/api.yaml:10:17]
  9 |       imagePullSecrets:
 10 |         - name: ghcr
    :                 ^^|^
    :                   `-- named here
 11 |       containers:
 12 |         - name: api
 13 |           image: ghcr.io/acme/api:1.9
    :                  ^^^^^^^^^^|^^^^^^^^^
    :                            `-- pulled without a credential
 14 |         - name: proxy
    `----
   ,-[shop/secret.yaml:6:7]
 5 |   namespace: shop
 6 | type: Opaque
   :       ^^^|^^
   :          `-- must be kubernetes.io/dockerconfigjson
 7 | stringData:
   `----
  in: Deployment shop/api
  help: in shop/secret.yaml, write
          type: kubernetes.io/dockerconfigjson
  more: pullcheck --explain wrong-secret-type

error[unreadable-input]: permission denied
  at: shop/broken.yaml
  more: pullcheck --explain unreadable-input

note[unverified-image]: registry.example.com did not answer within 15 s
    ,-[shop/api.yaml:15:18]
 14 |         - name: proxy
 15 |           image: registry.example.com/platform/edge/envoy-distroless@sha256:7e7ab4ecbf4a1a5e8c0b4cbb2d3e4f5061728394a5b6c7d8e9f00112233445566
    :                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    :                                                                                `-- could not be told
    `----
  in: Deployment shop/api, container proxy
  more: pullcheck --explain unverified-image

3 files, 3 images: 2 failing, 1 unverified; 4 errors, 1 note
"#);
}

#[test]
fn human_report_fits_eighty_columns() {
    let (report, sources) = shop();
    let style = Style { width: Some(80), unicode: true, ..Style::default() };
    let shown = render(&report, &sources, &style);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert_snapshot!(shown, @r#"
error[image-not-found]: ghcr.io/acme/api has no tag 1.9
    ╭─[shop/api.yaml:13:18]
 12 │         - name: api
 13 │           image: ghcr.io/acme/api:1.9
    ·                  ──────────┬─────────
    ·                            ╰── no such tag
 14 │         - name: proxy
    ╰────
  in: Deployment shop/api, container api
  kubectl describe pod would show:
    Failed to pull image "ghcr.io/acme/api:1.9": rpc error: code = NotFound desc
    = failed to pull and unpack image "ghcr.io/acme/api:1.9": failed to resolve
    reference "ghcr.io/acme/api:1.9": ghcr.io/acme/api:1.9: not found
  help: use 1.9.0, the nearest of its 14 tags
  also at: shop/web.yaml:9:38 (CronJob nightly, init container migrate)
  more: pullcheck --explain image-not-found

error[wrong-secret-type]: the kubelet ignores the pull secret ghcr without a
    word: its type is Opaque, and only kubernetes.io/dockerconfigjson and
    kubernetes.io/dockercfg count
    ╭─[shop/api.yaml:10:17]
  9 │       imagePullSecrets:
 10 │         - name: ghcr
    ·                 ──┬─
    ·                   ╰── named here
 11 │       containers:
 12 │         - name: api
 13 │           image: ghcr.io/acme/api:1.9
    ·                  ──────────┬─────────
    ·                            ╰── pulled without a credential
 14 │         - name: proxy
    ╰────
   ╭─[shop/secret.yaml:6:7]
 5 │   namespace: shop
 6 │ type: Opaque
   ·       ───┬──
   ·          ╰── must be kubernetes.io/dockerconfigjson
 7 │ stringData:
   ╰────
  in: Deployment shop/api
  help: in shop/secret.yaml, write
          type: kubernetes.io/dockerconfigjson
  more: pullcheck --explain wrong-secret-type

error[unreadable-input]: permission denied
  at: shop/broken.yaml
  more: pullcheck --explain unreadable-input

note[unverified-image]: registry.example.com did not answer within 15 s
    ╭─[shop/api.yaml:15:18]
 14 │         - name: proxy
 15 │           image: registry.example.com/platfo…94a5b6c7d8e9f00112233445566
    ·                  ───────────────────────────┬───────────────────────────
    ·                                             ╰── could not be told
    ╰────
  in: Deployment shop/api, container proxy
  more: pullcheck --explain unverified-image

3 files, 3 images: 2 failing, 1 unverified; 4 errors, 1 note
"#);
}

#[test]
fn colors_do_not_change_the_text() {
    let (report, sources) = shop();
    let style = Style { width: Some(80), unicode: true, ..Style::default() };
    let colored = render(&report, &sources, &Style { color: true, ..style });
    assert!(colored.starts_with("\u{1b}[31;1merror[image-not-found]\u{1b}[0m: "), "{colored}");
    let mut plain = String::new();
    for (number, part) in colored.split('\u{1b}').enumerate() {
        plain.push_str(if number == 0 { part } else { part.split_once('m').expect("an SGR sequence").1 });
    }
    let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n") + "\n", render(&report, &sources, &style));
}

#[test]
fn repeated_finding_lists_ten_other_places() {
    let lines: Vec<String> = (0..14).map(|n| format!("image: nginx # {n}")).collect();
    let sources = Sources::new(vec![text(&lines.join("\n"))]);
    let places = (0..14).map(|line| at(&sources, 0, &format!("nginx # {line}")));
    let findings = places.map(|span| Finding::new("mutable-tag", Severity::Warning, "no tag", span, "")).collect();
    let shown = render(&Report { findings, ..Report::default() }, &sources, &Style::default());
    assert_snapshot!(shown, @r#"
warning[mutable-tag]: no tag
   ,-[a.yaml:1:8]
 1 | image: nginx # 0
   :        ^^^^^^^^^
 2 | image: nginx # 1
   `----
  also at: a.yaml:2:8
           a.yaml:3:8
           a.yaml:4:8
           a.yaml:5:8
           a.yaml:6:8
           a.yaml:7:8
           a.yaml:8:8
           a.yaml:9:8
           a.yaml:10:8
           a.yaml:11:8
           and 3 more
  more: pullcheck --explain mutable-tag

0 files, 0 images
"#);
}

#[test]
fn findings_are_sorted_by_severity_and_number_of_places() {
    let (report, sources) = shop();
    let shown = render(&report, &sources, &Style::default());
    let heads: Vec<&str> = shown.lines().filter_map(|line| line.split_once("]: ")).map(|(head, _)| head).collect();
    let expected =
        ["error[image-not-found", "error[wrong-secret-type", "error[unreadable-input", "note[unverified-image"];
    assert_eq!(heads, expected);
}

#[test]
fn numerous_findings_below_the_threshold_are_shortened() {
    let lines: Vec<String> = (0..20).map(|n| format!("image: nginx{n:02}")).collect();
    let sources = Sources::new(vec![text(&lines.join("\n"))]);
    let finding = |(severity, n): (Severity, usize)| {
        let span = at(&sources, 0, &format!("nginx{n:02}"));
        Finding::new("mutable-tag", severity, format!("nginx{n:02} moves; and so on"), span, "")
    };
    let findings = (0..16).map(|n| (Severity::Warning, n)).chain([(Severity::Error, 16), (Severity::Error, 17)]);
    let report = Report { findings: findings.map(finding).collect(), ..Report::default() };
    let style = |full_from| Style { full_from, ..Style::default() };

    let all = render(&report, &sources, &style(None));
    assert_eq!(all.matches("moves; and so on").count(), 18);
    assert!(all.ends_with(
        "errors, the worst first:\n  a.yaml:17:8: nginx16 moves\n  a.yaml:18:8: nginx17 moves\n\n0 files, 0 images\n"
    ));
    assert_eq!(render(&report, &sources, &style(Some(Severity::Warning))), all, "what fails the run is told in full");

    let brief = render(&report, &sources, &style(Some(Severity::Error)));
    assert_eq!(brief.matches("moves; and so on").count(), 5);
    let (_, brief) = brief.split_once("\n\nwarning[mutable-tag]: 13 more, ").expect("a part in brief");
    assert_snapshot!(brief, @r#"
at 13 places
  a.yaml:4:8: nginx03 moves
  a.yaml:5:8: nginx04 moves
  a.yaml:6:8: nginx05 moves
  a.yaml:7:8: nginx06 moves
  a.yaml:8:8: nginx07 moves
  a.yaml:9:8: nginx08 moves
  a.yaml:10:8: nginx09 moves
  a.yaml:11:8: nginx10 moves
  a.yaml:12:8: nginx11 moves
  a.yaml:13:8: nginx12 moves
  and 3 more, at 3 places

in brief: if a rule has many findings, those that do not fail the run are shortened. Use -v to print all of them in full, or --format plain for one line each.

0 files, 0 images
"#);
}

#[test]
fn summary_line_wraps_between_images_and_findings() {
    let mut report = Report::default();
    (report.summary.files, report.summary.image_uses, report.summary.pullable) = (1, 3, 3);
    (report.summary.warnings, report.summary.notes) = (3, 2);
    let style = Style { width: Some(40), ..Style::default() };
    assert_eq!(render(&report, &Sources::default(), &style), "1 file, 3 images: 3 pullable\n    3 warnings, 2 notes\n");
}

#[test]
fn report_without_findings_is_one_line() {
    let mut report = Report::default();
    report.summary.files = 1;
    assert_eq!(render(&report, &Sources::default(), &Style::default()), "1 file, 0 images\n");
    report.summary.image_uses = 7;
    report.summary.pullable = 3;
    report.summary.skipped = 1;
    report.summary.not_pulled = 3;
    report.summary.warnings = 1;
    report.summary.suppressed = 2;
    report.summary.baselined = 4;
    let line = "1 file, 7 images: 3 pullable, 1 skipped, 3 not pulled; 1 warning, 2 suppressed, 4 in the baseline\n";
    assert_eq!(render(&report, &Sources::default(), &Style::default()), line);
}

#[test]
fn offline_report_notes_that_no_image_is_verified() {
    let (mut report, sources) = shop();
    report.findings.clear();
    report.errors.clear();
    report.images[0].verdict = Some("unverified");
    report.images[0].cause = Some("offline");
    let shown = render(&report, &sources, &Style { width: Some(80), ..Style::default() });
    assert_snapshot!(shown, @r#"
offline: no registry was contacted, so no image is verified. Run without
    --offline to check whether the images can be pulled.
3 files, 3 images: 2 failing, 1 unverified; 4 errors, 1 note
"#);
}

#[test]
fn a_password_beside_a_label_is_masked() {
    let (mut report, sources) = shop();
    report.findings.truncate(1);
    report.findings[0].related = vec![];
    report.findings[0].primary.span = at(&sources, 1, "stringData");
    let shown = render(&report, &sources, &Style::default());
    assert!(!shown.contains("c4nary") && !shown.contains("auths"), "{shown}");
    assert!(shown.contains("8 |   .dockerconfigjson: *****"), "{shown}");
}

#[test]
fn multiline_masked_text_keeps_its_line_breaks() {
    let source = "data:\n  password: |\n    first wörd\n    second\nname: x\n";
    let sources = Sources::new(vec![text(source)]);
    let span = at(&sources, 0, "second\nname");
    let findings = vec![Finding::new("mutable-tag", Severity::Warning, "m", span, "here")];
    let masked = vec![at(&sources, 0, "first wörd"), at(&sources, 0, "|\n    first wörd\n    second")];
    let shown = render(&Report { findings, masked, ..Report::default() }, &sources, &Style::default());
    assert_snapshot!(shown, @r#"
warning[mutable-tag]: m
   ,-[a.yaml:4:5]
 3 |     **************
 4 | ,-> **********
 5 | |-> name: x
   : `---- here
   `----
  more: pullcheck --explain mutable-tag

0 files, 0 images
"#);
}

#[test]
fn snippets_are_the_same_for_crlf_bom_and_utf16() {
    let crlf = "\u{feff}a: 1\r\nimage: nginx\r\nb: 2\r\n";
    let from_crlf = one(text(crlf), around(crlf, "nginx"), &Style::default());
    assert_snapshot!(from_crlf, @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:2:8]
 1 | a: 1
 2 | image: nginx
   :        ^^|^^
   :          `-- here
 3 | b: 2
   `----
"#);
    let utf16 = Source::new("a.yaml", &crlf[3..], Encoding::Utf16Le);
    assert_eq!(one(utf16, around(&crlf[3..], "nginx"), &Style::default()), from_crlf);
    let first = one(text(crlf), around(crlf, "a: 1"), &Style::default());
    assert!(first.contains("a.yaml:1:1") && first.contains("1 | a: 1\n"), "{first}");
}

#[test]
fn span_at_the_end_of_a_file_is_drawn() {
    let whole = "a: 1\nimage:";
    assert_snapshot!(one(text(whole), (11, 11), &Style::default()), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:2:7]
 1 | a: 1
 2 | image:
   :       ^
   :       `-- here
   `----
"#);
    assert_snapshot!(one(text("a: 1\n"), (5, 5), &Style::default()), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:2:1]
 1 | a: 1
 2 |
   : ^
   : `-- here
   `----
"#);
    assert_snapshot!(one(text(""), (0, 0), &Style::default()), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:1:1]
 1 |
   : ^
   : `-- here
   `----
"#);
}

#[test]
fn multiline_spans_are_drawn() {
    let source = "image: >-\n  ghcr.io/acme\n  /api\nname: x\n";
    assert_snapshot!(one(text(source), around(source, ">-\n  ghcr.io/acme\n  /api\n"), &Style::default()), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:1:8]
 1 | ,-> image: >-
 2 | |     ghcr.io/acme
 3 | |->   /api
   : `---- here
 4 |     name: x
   `----
"#);
    let whole = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\n";
    assert_snapshot!(one(text(whole), (0, whole.len()), &Style::default()), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:1:1]
 1 | a: 1
   : ^^|^
   :   `-- here
 2 | b: 2
   `----
"#);
}

#[test]
fn labels_align_under_tabs_and_wide_characters() {
    let source = "#\timage: 日本語/image:1 # größe\n";
    assert_snapshot!(one(text(source), around(source, "日本語/image:1"), &Style::default()), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:1:10]
 1 | #   image: 日本語/image:1 # größe
   :            ^^^^^^^|^^^^^^
   :                   `-- here
   `----
"#);
}

#[test]
fn a_long_line_fits_the_terminal() {
    let line = format!("{}\"registry.example.com/{}:1\"{}\n", "x".repeat(300), "deep/".repeat(40), "y".repeat(300));
    let (start, end) = around(&line, &format!("registry.example.com/{}:1", "deep/".repeat(40)));
    for (columns, unicode) in [(60, true), (60, false), (80, true), (80, false), (120, true), (120, false)] {
        for span in [(0, 5), (start, start + 8), (start, end), (line.len() - 6, line.len() - 1)] {
            let style = Style { width: Some(columns), unicode, ..Style::default() };
            let shown = one(text(&line), span, &style);
            assert!(shown.lines().all(|line| line.chars().count() <= columns), "{columns} {span:?}\n{shown}");
        }
    }
}

#[test]
fn a_long_line_is_cut_around_its_labels() {
    let source =
        format!(r#"{{"a":"{}","image":"ghcr.io/acme/api:1.9","b":"{}"}}"#, "x".repeat(60_000), "y".repeat(60_000));
    let span = around(&source, "ghcr.io/acme/api:1.9");
    assert_snapshot!(one(text(&source), span, &Style { width: Some(80), ..Style::default() }), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:1:60018]
 1 | ...image":"ghcr.io/acme/api:1.9","b":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...
   :            ^^^^^^^^^^|^^^^^^^^^
   :                      `-- here
   `----
"#);
    let long = format!("image: registry.example.com/{}:the-tag # why\n", "deep/".repeat(40));
    let span = (7, long.find(" #").expect("a comment"));
    assert_snapshot!(one(text(&long), span, &Style { width: Some(80), ..Style::default() }), @r#"
warning[mutable-tag]: it moves
   ,-[a.yaml:1:8]
 1 | image: registry.example.com/deep/...ep/deep/deep/deep/:the-tag # why
   :        ^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^^
   :                                   `-- here
   `----
"#);
    // Context lines are cut too.
    let beside = format!("x: {}\nimage: a\n", "z".repeat(1000));
    let shown = one(text(&beside), around(&beside, "image"), &Style { width: Some(80), ..Style::default() });
    assert!(shown.lines().all(|line| line.len() <= 84), "{shown}");
}

#[test]
fn primary_label_is_always_shown_first() {
    let lines: Vec<String> = (1..=20).map(|n| format!("key{n}: {n}")).collect();
    let sources = Sources::new(vec![Source::new("first.yaml", "secret: x", Encoding::Utf8), text(&lines.join("\n"))]);
    let finding = Finding::new("mutable-tag", Severity::Warning, "m", at(&sources, 1, "key15"), "this")
        .related(at(&sources, 1, "key3"), "that")
        .related(at(&sources, 0, "secret"), "there");
    let shown = render(&Report { findings: vec![finding], ..Report::default() }, &sources, &Style::default());
    let places: Vec<&str> = shown.lines().filter_map(|line| line.split_once(",-[")).map(|(_, place)| place).collect();
    assert_eq!(places, ["a.yaml:15:1]", "first.yaml:1:1]", "a.yaml:3:1]"]);
}

#[test]
fn long_label_is_wrapped() {
    let (mut report, sources) = shop();
    report.findings.truncate(2);
    report.findings.remove(0);
    report.findings[0].primary.message = "the repository is there, but of its fourteen tags none is called so".into();
    let shown = render(&report, &sources, &Style { width: Some(80), ..Style::default() });
    assert!(shown.contains("| the repository is there, but of its"), "{shown}");
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
}

#[test]
fn labels_that_cannot_be_drawn_are_listed() {
    let source = "containers:\n- image: nginx\n";
    let mut sources = Sources::new(vec![text(source)]);
    let gone = sources.push(Source::unreadable("gone.yaml"));
    let mut finding = Finding::new("mutable-tag", Severity::Note, "m", at(&sources, 0, "nginx"), "moves")
        .related(at(&sources, 0, "image: nginx"), "the field")
        .related(Span::new(gone, 0, 0), "not to be seen");
    for _ in 0..20 {
        finding = finding.related(Span::new(SourceId(0), 0, 3), "");
    }
    let shown = render(&Report { findings: vec![finding], ..Report::default() }, &sources, &Style::default());
    assert_snapshot!(shown, @r#"
note[mutable-tag]: m
   ,-[a.yaml:2:10]
 1 | containers:
   : ^^^
 2 | - image: nginx
   :          ^^|^^
   :            `-- moves
   `----
  see: a.yaml:2:3: the field
  see: gone.yaml: not to be seen
  see: 14 more places
  more: pullcheck --explain mutable-tag

0 files, 0 images
"#);
}

/// Thousands of places in one line, and in one file: this ends at once, or never.
#[test]
fn rendering_cost_per_finding_does_not_grow_with_the_file() {
    let line: String = (0..20_000).map(|n| format!("{{\"image\":\"registry.example.com/{n:06}é\"}},")).collect();
    let lines = line.replace("},", "}\n");
    for source in [line, lines] {
        let findings = source
            .match_indices("registry")
            .map(|(at, found)| {
                let span = Span::new(SourceId(0), at as u32, (at + found.len()) as u32);
                Finding::new("mutable-tag", Severity::Warning, format!("at {at}"), span, "here")
            })
            .step_by(20)
            .collect();
        let sources = Sources::new(vec![Source::new("a.json", source, Encoding::Utf16Le)]);
        let report = Report { findings, ..Report::default() };
        let shown = output::render(Format::Human, &report, &sources, &Style::default(), &Redactor::new(["hunter2!"]));
        assert_eq!(shown.matches("warning[mutable-tag]").count(), 1000);
        output::render(Format::Json, &report, &sources, &Style::default(), &Redactor::default());
    }
}
