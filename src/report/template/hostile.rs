//! Templates that were written to use up time, memory or the stack: the evaluation returns quickly, with any result.

use super::*;
use crate::text::source::{Encoding, Source};

const CHART: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

fn survives(template: &str) {
    let value = "r.io/i:1";
    let wanted = WantedImage { key: "image", value, container: Some("b"), kind: "Pod", name: Some("a"), sole: true };
    let chart = crate::resource::chart::read(SourceId(0), &Source::new("c/Chart.yaml", CHART, Encoding::Utf8))
        .expect("a chart");
    let program = Program::new([(SourceId(1), template)], &Rc::default());
    let values = Rc::new(Tree::Map(Default::default()));
    // A chart that is too large is not read at all.
    _ = program.run(SourceId(1), &chart, Some(&values)).and_then(|traced| traced.find(wanted));
}

fn pod(image: &str) -> String {
    format!("kind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n    - name: b\n      image: {image}\n")
}

#[test]
fn very_long_pipeline_terminates() {
    survives(&pod(&format!("{{{{ .a{} }}}}", " | quote".repeat(100_000))));
}

#[test]
fn repeated_doubling_of_text_terminates() {
    for double in ["print $a $a", "printf \"%s%s\" $a $a", "list $a $a | toString", "replace \"x\" \"xx\" $a"] {
        let doubles = format!("{{{{ $a = {double} }}}}").repeat(60);
        survives(&pod(&format!("{{{{ $a := \"x\" }}}}{doubles}{{{{ $a }}}}")));
    }
}

#[test]
fn repeated_include_of_large_text_terminates() {
    let text = "x".repeat(500_000);
    let includes = "{{ include \"t\" . }}".repeat(20_000);
    survives(&format!("{{{{ define \"t\" }}}}{text}{{{{ end }}}}{}{includes}", pod("{{ .x }}")));
    let sets = "{{ $a := include \"t\" . }}{{ $b := $a }}{{ if $b }}{{ end }}".repeat(5_000);
    survives(&format!("{{{{ define \"t\" }}}}{text}{{{{ end }}}}{}{sets}", pod("{{ .x }}")));
}

#[test]
fn deeply_nested_blocks_and_parentheses_terminate() {
    let (open, close) = ("{{ if .a }}".repeat(60), "{{ end }}".repeat(60));
    let (left, right) = ("(".repeat(60), ")".repeat(60));
    let call = format!("{{{{ {left}include \"t\" .{right} }}}}");
    survives(&format!("{{{{ define \"t\" }}}}{open}{call}{close}{{{{ end }}}}{}", pod(&call)));
}

#[test]
fn very_long_templates_terminate() {
    survives(&"  {{ .x }}\n".repeat(9000));
    survives(&pod(&"{{ .x }}\n      image: ".repeat(300)));
    survives(&pod(&"{{ .x }}\n    - image: ".repeat(300)));
    survives(&pod(&"{{ if .x }}a{{ end }}".repeat(4000)));
    survives(&pod(&format!("a{}", " #".repeat(40000))));
    survives(&pod(&format!("{{{{ .x }}}}{}", "{{ .x }} #".repeat(4000))));
    survives(&"{{ $a := .x }}{{ if .x }}{{ end }}".repeat(3000));
    let dots = ".a".repeat(40000);
    survives(&pod(&format!("{{{{ {dots} }}}}")));
    survives(&"{{ define \"t\" }}".repeat(6000));
    survives(&"{{ if .x }}{{ else if .x }}".repeat(3000));
    survives(&"---\nkind: Pod\nimage: {{ .x }}\n".repeat(3000));
    survives(&"---\nkind: Pod\nmetadata:\n  name: a\nspec:\n  - name: b\n    image: {{ .x }}\n".repeat(1400));
}
