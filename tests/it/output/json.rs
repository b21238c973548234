//! The JSON contract.

use pullcheck::findings::finding::Severity;
use pullcheck::kubelet::probe::{Defect, Denial, TlsFault, Unknown};
use pullcheck::kubelet::verdict::Cause;
use pullcheck::output::redact::Redactor;
use pullcheck::output::{self, Format, Style};
use pullcheck::report::Report;
use pullcheck::resource::ResourceName;
use pullcheck::text::source::{Encoding, Source, SourceId, Sources, Span};
use serde_json::Value;

use super::shop;

const SCHEMA: &str = include_str!("../../../src/output/report.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

fn check(json: &Value) -> Result<(), String> {
    let validator = jsonschema::draft202012::new(&schema()).expect("the schema is a schema");
    validator.validate(json).map_err(|error| format!("{error} at {}", error.instance_path()))
}

fn text(report: &Report, sources: &Sources) -> String {
    output::render(Format::Json, report, sources, &Style::default(), &Redactor::default())
}

fn json(report: &Report, sources: &Sources) -> Value {
    serde_json::from_str(&text(report, sources)).expect("output is JSON")
}

#[test]
fn schema_is_valid_and_strict() {
    jsonschema::draft202012::meta::validate(&schema()).expect("valid against the meta-schema");
    fn objects(value: &Value, found: &mut usize) {
        if let Some(object) = value.as_object() {
            if object.get("type") == Some(&Value::from("object")) {
                *found += 1;
                assert_eq!(object.get("additionalProperties"), Some(&Value::from(false)), "{value}");
            }
            object.values().for_each(|inner| objects(inner, found));
        }
        value.as_array().into_iter().flatten().for_each(|inner| objects(inner, found));
    }
    let mut found = 0;
    objects(&schema(), &mut found);
    assert!(found > 10);
}

#[test]
fn full_and_minimal_reports_fit_the_schema() {
    let (mut report, sources) = shop();
    check(&json(&report, &sources)).expect("full");
    report.images[0].platforms = Some(vec!["linux/amd64".into(), "linux/arm/v7".into()]);
    report.images[0].size = Some(12);
    report.images[0].digest = Some("sha256:0".into());
    report.images[0].media_type = Some("application/vnd.oci.image.index.v1+json".into());
    report.images[0].declared_pull_policy = Some("always".into());
    report.images[0].verdict = None;
    report.images[0].cause = None;
    report.images[0].event = None;
    report.images[0].reference = None;
    report.images[0].resource = ResourceName::default();
    report.images[0].container.name = None;
    check(&json(&report, &sources)).expect("fuller, and with nothing known");
    check(&json(&Report::default(), &Sources::default())).expect("minimal");
    let list = output::render_images(Format::Json, &report, &sources, &Style::default(), &Redactor::default());
    let list: Value = serde_json::from_str(&list).expect("output is JSON");
    check(&list).expect("--list-images");
    assert!(list.get("findings").is_none() && list["images"].as_array().is_some_and(|images| images.len() == 1));
}

#[test]
fn schema_rejects_invalid_extra_and_missing_values() {
    let (report, sources) = shop();
    let good = json(&report, &sources);
    for (path, wrong) in [
        ("/images/0/verdict", Value::from("fine")),
        ("/images/0/cause", Value::from("gone")),
        ("/images/0/pull_secrets/0/via", Value::from("node")),
        ("/images/0/pull_secrets/0/state", Value::from("lost")),
        ("/images/0/container/kind", Value::from("sidecar")),
        ("/images/0/attempts/0/outcome", Value::from("maybe")),
        ("/findings/0/severity", Value::from("fatal")),
        ("/findings/0/line", Value::from(0)),
        ("/findings/0/fixes", Value::Null),
        ("/schema_version", Value::from(2)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap_or_else(|| panic!("{path} is in the report")) = wrong;
        assert!(check(&bad).is_err(), "{path}");
    }
    for path in ["", "/summary", "/findings/0", "/findings/0/related/0", "/images/0", "/images/0/reference"] {
        let mut more = good.clone();
        let object = more.pointer_mut(path).and_then(Value::as_object_mut).unwrap_or_else(|| panic!("{path}"));
        object.insert("new".into(), Value::Null);
        assert!(check(&more).is_err(), "a key too many at {path:?}");
        let mut less = good.clone();
        let object = less.pointer_mut(path).and_then(Value::as_object_mut).unwrap_or_else(|| panic!("{path}"));
        let last = object.keys().next_back().cloned().unwrap_or_default();
        object.remove(&last);
        assert!(check(&less).is_err(), "{last} missing at {path:?}");
    }
}

#[test]
fn schema_lists_every_cause() {
    let mut causes = vec![
        Cause::InvalidName,
        Cause::Absent,
        Cause::Platform,
        Cause::MalformedPullSecret,
        Cause::ServiceAccountUnknown,
        Cause::SecretUnknown,
        Cause::Expected,
        Cause::Placeholder,
        Cause::RewrittenByKustomize,
        Cause::SetByImageStream,
        Cause::PulledByAnother,
        Cause::ChosenByChart,
        Cause::Finished,
        Cause::RewrittenAtAdmission,
        Cause::Never,
    ];
    use Defect::{
        BadManifest, Blob, BrokenProxy, BrokenRegistry, ContentMismatch, ContentMissing, IndexLies, NotAnImage,
        Schema1, TooBig,
    };
    causes.extend(
        [
            BrokenProxy,
            BrokenRegistry,
            ContentMissing,
            ContentMismatch,
            BadManifest,
            IndexLies,
            Blob,
            NotAnImage,
            Schema1,
            TooBig,
        ]
        .map(Cause::Defect),
    );
    use Denial::{Auth, AuthRequired, BadCredentials, Denied, DeniedOrAbsent, NoChallenge, TokenRefused};
    causes.extend(
        [Auth, AuthRequired, BadCredentials, Denied, DeniedOrAbsent, NoChallenge, TokenRefused].map(Cause::Denied),
    );
    use Unknown::{
        AuthServer, CredentialWithheld, Deadline, Dns, HostStopped, Interrupted, Network, NoSuchHost, NodeConfig,
        NodeLocal, Offline, PlainHttp, RateLimited, RegistryError, Timeout, Tls,
    };
    causes.extend(
        [
            AuthServer,
            CredentialWithheld,
            Deadline,
            Dns,
            HostStopped,
            Network,
            NoSuchHost,
            NodeConfig,
            NodeLocal,
            Offline,
            PlainHttp,
            RateLimited,
            RegistryError,
            Timeout,
            Tls(TlsFault::Other),
            Interrupted,
        ]
        .map(Cause::Unknown),
    );
    let mut names: Vec<&str> = causes.into_iter().map(Cause::as_str).collect();
    let schema = schema();
    let known = schema.pointer("/$defs/image/properties/cause/enum").and_then(Value::as_array).expect("an enumeration");
    let mut known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names.dedup();
    known.sort_unstable();
    assert_eq!(names, known);
}

/// Keys in the order of the contract, as they stand in the text.
fn keys_at(text: &str, indent: usize, after: &str) -> Vec<String> {
    let lead = format!("{:indent$}\"", "");
    let from = text.find(after).unwrap_or_else(|| panic!("{after:?} is in the text"));
    let open = format!("{:width$}", "", width = indent.saturating_sub(2));
    text[from..]
        .lines()
        .skip(1)
        .take_while(|line| !(line.starts_with(&open) && line[open.len()..].starts_with('}')))
        .filter_map(|line| line.strip_prefix(&lead)?.split_once('"'))
        .map(|(key, _)| key.to_owned())
        .collect()
}

#[test]
fn json_keys_follow_the_documented_order() {
    let (report, sources) = shop();
    let text = text(&report, &sources);
    let expected = "rule severity message help file line column end_line end_column byte_start byte_end resource \
                    container image event related fixes template fingerprint";
    assert_eq!(keys_at(&text, 6, "\"findings\"").join(" "), expected);
    let expected = "value resolved file line column end_line end_column byte_start byte_end path resource template \
                    container release reference \
                    declared_pull_policy pull_policy service_account pull_secrets credentials verdict cause event \
                    digest media_type platforms size attempts";
    assert_eq!(keys_at(&text, 6, "\"images\"").join(" "), expected);
    let expected = "files documents resources image_uses unique_images pullable failing unverified skipped \
                    not_pulled unrendered_releases charts charts_failing charts_unverified errors warnings notes \
                    suppressed baselined requests";
    assert_eq!(keys_at(&text, 4, "\"summary\"").join(" "), expected);
}

#[test]
fn columns_and_byte_offsets_select_the_same_text() {
    let (report, sources) = shop();
    let json = json(&report, &sources);
    let places = json["findings"].as_array().into_iter().chain(json["images"].as_array()).flatten();
    let mut checked = 0;
    for place in places.filter(|place| !place["line"].is_null()) {
        let (_, source) = sources.iter().find(|(_, source)| place["file"] == source.name()).expect("a source");
        let number = |key: &str| place[key].as_u64().unwrap_or_else(|| panic!("{key} is a number")) as usize;
        let bytes = &source.text()[number("byte_start")..number("byte_end")];
        let line = source.text().lines().nth(number("line") - 1).expect("a line");
        let (start, end) = (number("column") - 1, number("end_column") - 1);
        let columns: String = line.chars().skip(start).take(end - start).collect();
        assert_eq!(columns, bytes);
        assert_eq!(number("line"), number("end_line"));
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn finding_on_an_unreadable_file_has_a_null_location() {
    let (report, sources) = shop();
    let json = json(&report, &sources);
    let finding = &json["findings"][4];
    assert_eq!(finding["file"], "shop/broken.yaml");
    for key in ["line", "column", "end_line", "end_column", "byte_start", "byte_end", "resource", "container"] {
        assert_eq!(finding.get(key), Some(&Value::Null), "{key}");
    }
    assert_eq!(finding["fixes"], Value::Array(vec![]));
    assert_eq!(json["errors"][1]["file"], Value::Null);
    assert_eq!(json["images"][0]["attempts"][0]["credential"], 0);
}

#[test]
fn utf16_byte_offsets_refer_to_the_original_file() {
    let (mut report, _) = shop();
    let sources = Sources::new(vec![Source::new("a.yaml", "é𝄞: nginx\n", Encoding::Utf16Be)]);
    report.findings.truncate(1);
    report.findings[0].related.clear();
    report.findings[0].severity = Severity::Warning;
    report.findings[0].primary.span = Span::new(SourceId(0), 8, 13);
    report.images.clear();
    let json = json(&report, &sources);
    let finding = &json["findings"][0];
    assert_eq!((&finding["column"], &finding["end_column"]), (&Value::from(5), &Value::from(10)));
    assert_eq!((&finding["byte_start"], &finding["byte_end"]), (&Value::from(12), &Value::from(22)));
}
