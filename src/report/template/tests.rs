//! Templates as charts write them.

use super::*;
use crate::text::source::{Encoding, Source};

const VALUES: &str = "image:\n  repository: ghcr.io/acme/api\n  tag: \"1.9\"\n  digest: \"\"\nsidecar:\n  image: docker.io/library/busybox:1.36\n";
const CHART: &str = "apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: \"2.0\"\n";

fn wanted<'w>(value: &'w str, container: &'w str) -> WantedImage<'w> {
    WantedImage { key: "image", value, container: Some(container), kind: "Deployment", name: Some("shop"), sole: true }
}

/// Returns the line that is found, and the values used in it, as `path=text`.
fn trace(template: &str, helpers: &str, wanted: WantedImage<'_>) -> Option<(String, Vec<String>)> {
    let chart = Source::new("shop/Chart.yaml", CHART, Encoding::Utf8);
    let values = Source::new("shop/values.yaml", VALUES, Encoding::Utf8);
    let chart = crate::resource::chart::read(SourceId(0), &chart).expect("a chart");
    let values = tree::read(SourceId(1), &values);
    let program = Program::new([(SourceId(2), template), (SourceId(3), helpers)], &Rc::default());
    let found = program.run(SourceId(2), &chart, values.as_ref()).expect("a template").find(wanted)?;
    let text = if found.span.source == SourceId(2) { template } else { helpers };
    let suppliers = found.suppliers.iter().map(|(supplier, text)| {
        let file = if supplier.span.source == SourceId(0) { CHART } else { VALUES };
        assert!(file[supplier.span.range()].contains(text.as_str()), "{supplier:?}");
        format!("{}={text}", supplier.path)
    });
    Some((text[found.span.range()].to_owned(), suppliers.collect()))
}

fn line(text: &str, suppliers: &[&str]) -> Option<(String, Vec<String>)> {
    Some((text.to_owned(), suppliers.iter().map(|supplier| (*supplier).to_owned()).collect()))
}

fn deployment(containers: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ include \"shop.fullname\" . }}}}\n  labels:\n    \
         {{{{- toYaml .Values.labels | nindent 4 }}}}\nspec:\n  template:\n    spec:\n      containers:\n{containers}"
    )
}

#[test]
fn repository_and_tag_come_from_the_values() {
    let template = deployment(
        "        - name: {{ .Chart.Name }}\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"\n",
    );
    let expression = "\"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"";
    let found = trace(&template, "", wanted("ghcr.io/acme/api:1.9", "shop"));
    assert_eq!(found, line(expression, &["image.repository=ghcr.io/acme/api", "image.tag=1.9"]));
    // The value is set on the command line: the file did not supply it.
    let found = trace(&template, "", wanted("ghcr.io/acme/api:3", "shop"));
    assert_eq!(found, line(expression, &["image.repository=ghcr.io/acme/api"]));
    let found = trace(&template, "", wanted("other/api:3", "shop"));
    assert_eq!(found, line(expression, &[]));
}

#[test]
fn chart_app_version_supplies_the_missing_tag() {
    let template = deployment(
        "        - name: api\n          image: {{ .Values.image.repository }}:{{ .Values.image.version | default .Chart.AppVersion }}\n",
    );
    let found = trace(&template, "", wanted("ghcr.io/acme/api:2.0", "api")).expect("a line");
    assert_eq!(found.1, ["image.repository=ghcr.io/acme/api", "appVersion=2.0"]);
}

#[test]
fn helpers_are_followed() {
    let helpers = r#"
{{- define "common.image" -}}
{{- $tag := .image.tag | default .root.Chart.AppVersion | toString -}}
{{- $separator := ":" -}}
{{- if .image.digest -}}
{{- $separator = "@" -}}
{{- $tag = .image.digest -}}
{{- end -}}
{{- if .image.registry }}
{{- printf "%s/%s%s%s" .image.registry .image.repository $separator $tag -}}
{{- else -}}
{{- printf "%s%s%s" .image.repository $separator $tag -}}
{{- end -}}
{{- end -}}
{{- define "shop.image" -}}{{ include "common.image" (dict "image" .Values.image "root" $) }}{{- end -}}
"#;
    let template = deployment("        - name: api\n          image: {{ include \"shop.image\" . }}\n");
    let found = trace(&template, helpers, wanted("ghcr.io/acme/api:1.9", "api"));
    assert_eq!(found, line("{{ include \"shop.image\" . }}", &["image.repository=ghcr.io/acme/api", "image.tag=1.9"]));
}

#[test]
fn image_line_in_a_helper_is_found() {
    let helpers = "{{- define \"shop.pod\" -}}\ncontainers:\n  - name: api\n    {{- with .Values.image }}\n    image: \"{{ .repository }}:{{ .tag }}\"\n    {{- end }}\n{{- end -}}\n{{- define \"unused\" -}}\n- name: api\n  image: {{ .x }}\n{{- end -}}\n";
    let template = "kind: Deployment\nspec:\n  template:\n    spec:\n      {{- include \"shop.pod\" . | nindent 6 }}\n";
    let found = trace(template, helpers, wanted("ghcr.io/acme/api:1.9", "api"));
    assert_eq!(
        found,
        line("\"{{ .repository }}:{{ .tag }}\"", &["image.repository=ghcr.io/acme/api", "image.tag=1.9"])
    );
}

#[test]
fn containers_are_distinguished_by_name() {
    let template = deployment(
        "        - name: api\n          image: {{ .Values.a }}\n        - image: {{ .Values.b }}\n          name: web\n",
    );
    assert_eq!(trace(&template, "", wanted("x:1", "api")).map(|line| line.0).as_deref(), Some("{{ .Values.a }}"));
    assert_eq!(trace(&template, "", wanted("x:1", "web")).map(|line| line.0).as_deref(), Some("{{ .Values.b }}"));
    assert_eq!(trace(&template, "", wanted("x:1", "other")), None);
}

#[test]
fn ambiguous_container_is_not_guessed() {
    let two = "        - name: {{ .Values.m }}\n          image: {{ .Values.a }}\n        - name: {{ .Values.n }}\n          image: {{ .Values.b }}\n";
    assert_eq!(trace(&deployment(two), "", wanted("x:1", "api")), None);
    // Any container may come from the values here.
    let extra = "        - name: {{ .Release.Name }}\n          image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\n        {{- toYaml .Values.extra | nindent 8 }}\n";
    assert_eq!(trace(&deployment(extra), "", wanted("busybox:1", "debug")), None);
    let found = trace(&deployment(extra), "", wanted("ghcr.io/acme/api:1.9", "x"));
    assert_eq!(found.map(|line| line.1.len()), Some(2));
}

#[test]
fn branches_are_distinguished_by_their_output() {
    let both = "        - name: api\n          {{- if .Values.image.digest }}\n          image: \"{{ .Values.image.repository }}@{{ .Values.image.digest }}\"\n          {{- else }}\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n          {{- end }}\n";
    let found = trace(&deployment(both), "", wanted("ghcr.io/acme/api:1.9", "api")).expect("a line");
    assert!(found.0.contains(":{{"), "{found:?}");
    let inline = "        - name: api\n          image: {{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag }}{{ end }}\n";
    let found = trace(&deployment(inline), "", wanted("ghcr.io/acme/api:1.9", "api")).expect("a line");
    assert_eq!(found.1, ["image.repository=ghcr.io/acme/api", "image.tag=1.9"]);
}

#[test]
fn documents_in_one_template_are_distinguished() {
    let one = |kind: &str, value: &str| {
        format!("kind: {kind}\nmetadata:\n  name: shop\nspec:\n  - name: api\n    image: {{{{ .Values.{value} }}}}\n")
    };
    let template = format!("{}---\n{}", one("Deployment", "a"), one("Job", "b"));
    assert_eq!(trace(&template, "", wanted("x:1", "api")).map(|line| line.0).as_deref(), Some("{{ .Values.a }}"));
    let job = WantedImage { kind: "Job", ..wanted("x:1", "api") };
    assert_eq!(trace(&template, "", job).map(|line| line.0).as_deref(), Some("{{ .Values.b }}"));
}

#[test]
fn hostile_templates_terminate() {
    let endless =
        "{{ define \"a\" }}{{ include \"a\" . }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}image: x\n";
    assert_eq!(trace(endless, "", wanted("y", "z")), None);
    let deep = format!("{}image: {{{{ .x }}}}", "{{ if .x }}".repeat(10_000));
    let _ = trace(&deep, "", wanted("y", "z"));
    let deep = format!("image: {{{{ {} }}}}", "(".repeat(10_000));
    let _ = trace(&deep, "", wanted("y", "z"));
    let pod = "image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\n";
    let doubled = |with: &str| format!("{{{{ $a := \"aaaaaaaaaa\" }}}}\n{}{pod}", with.repeat(60));
    let helper = "{{ define \"twice\" }}{{ . }}{{ . }}{{ end }}";
    for growing in [
        doubled("{{ $a = printf \"%s%s\" $a $a }}\n"),
        doubled("{{ $a = include \"twice\" $a }}\n"),
        doubled("{{ $a = replace \"a\" \"aaaaaaaaaa\" $a }}\n"),
        format!("{{{{ $a := \"{}\" }}}}{}{pod}", "x".repeat(900_000), "{{ $b := $a }}".repeat(5_000)),
        format!("{{{{ $a := 1{} }}}}{pod}", " | quote".repeat(100_000)),
        format!(
            "{}{}{pod}",
            (0..25_000).map(|at| format!("{{{{$v{at}:=1}}}}")).collect::<String>(),
            "{{if .x}}{{end}}".repeat(20_000)
        ),
    ] {
        let _ = trace(&growing, helper, wanted("ghcr.io/acme/api:1.9", "x"));
    }
    for text in [
        "{{",
        "{{}}",
        "{{ end }}",
        "{{ else }}",
        "{{ \"",
        "{{ $ := }}",
        "{{ = }}",
        "{{ | }}",
        "{{ ) }}",
        "image: {{ printf \"%\" }}",
        "{{ printf }}",
    ] {
        let _ = trace(text, "", wanted("y", "z"));
    }
}
