//! What kustomize refuses for the objects that a build has: files, kustomizations and generators with the answers of
//! 5.8.3 and 5.5.0, which are the same but for the words about generators (5.8.3 has them as here).

use super::generate::Files;
use super::{said, write};

/// A Deployment of this metadata.
fn web(metadata: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{{metadata}}}\nspec: {{selector: {{matchLabels: {{a: b}}}}, \
         template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: 'reg.example/a:1'}}]}}}}}}\n"
    )
}

fn object(version: &str, kind: &str, metadata: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{{metadata}}}\n")
}

/// A row: files, the first of them the kustomization, and what kustomize says; nothing where it builds.
type Row = (Vec<(&'static str, String)>, &'static str);

fn check(rows: Vec<Row>) {
    let mut faults = Vec::new();
    for (files, words) in rows {
        let files: Files = files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let said = said(folder.path());
        let fits = match &said.refusal {
            Some(refusal) => !words.is_empty() && refusal == words && said.known.is_empty(),
            None => words.is_empty(),
        };
        if !fits {
            faults.push(format!("{files:#?}\n{words}\n{said:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A kustomization of `d.yaml`, a Deployment `a`, and `e.yaml`.
fn beside(text: String) -> Vec<(&'static str, String)> {
    let kustomization = "resources: [d.yaml, e.yaml]\n".to_owned();
    vec![("kustomization.yaml", kustomization), ("d.yaml", web("name: a")), ("e.yaml", text)]
}

const TWICE: &str = "may not add resource with an already registered id: Deployment.v1.apps/a.[noNs]";

#[test]
fn the_same_object_twice_is_refused() {
    let list = |item: &str| format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n");
    let one =
        |kustomization: &str, text: String| vec![("kustomization.yaml", kustomization.to_owned()), ("d.yaml", text)];
    let roles = ["name: a", "name: a, namespace: x"]
        .map(|metadata| object("rbac.authorization.k8s.io/v1", "ClusterRole", metadata));
    let local = "name: a, annotations: {config.kubernetes.io/local-config: 'true'}";
    check(vec![
        (beside(web("name: b")), ""),
        (beside(web("name: a")), TWICE),
        (
            beside(web("name: a, namespace: default")),
            "may not add resource with an already registered id: Deployment.v1.apps/a.default",
        ),
        (beside(web("name: a, namespace: x")), ""),
        (beside(web("name: a").replace("apps/v1", "apps/v1beta1")), ""),
        (beside(web(local)), TWICE),
        (beside(format!("# one\n---\n{}", web("name: a"))), TWICE),
        (beside(web("name: a").replace("{name: a}", "&m {name: a}")), TWICE),
        (beside(list("{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}")), TWICE),
        (beside(object("template.openshift.io/v1", "Template", "name: a")), ""),
        // Another program may fill it in before, or after.
        (beside(web("name: '${NAME}'")), ""),
        (one("resources: [d.yaml, d.yaml]\n", web("name: a")), TWICE),
        (one("resources: [d.yaml]\n", web("name: a") + "---\n" + &web("name: a")), TWICE),
        (
            one("resources: [d.yaml]\n", roles.join("---\n")),
            "may not add resource with an already registered id: ClusterRole.v1.rbac.authorization.k8s.io/a.x",
        ),
        (
            one("resources: [d.yaml]\nnamespace: z\n", web("name: a, namespace: x") + "---\n" + &web("name: a")),
            "namespace transformation produces ID conflict",
        ),
        (
            one(
                "resources: [d.yaml]\nnamespace: z\n",
                object("v1", "Namespace", "name: a") + "---\n" + &object("v1", "Namespace", "name: b"),
            ),
            "namespace transformation produces ID conflict",
        ),
        (
            one(
                "resources: [d.yaml]\nnamespace: z\n",
                object("v1", "Namespace", "name: a") + "---\n" + &web("name: b"),
            ),
            "",
        ),
    ]);
}

#[test]
fn a_base_reached_twice_is_refused_unless_it_is_renamed() {
    let diamond = |first: &str, second: &str, more: &str, text: String| {
        vec![
            ("kustomization.yaml", format!("resources: [one, two]\n{more}")),
            ("one/kustomization.yaml", format!("resources: [../base]\n{first}")),
            ("two/kustomization.yaml", format!("resources: [../base]\n{second}")),
            ("base/kustomization.yaml", "resources: [d.yaml]\n".to_owned()),
            ("base/d.yaml", text),
        ]
    };
    let namespace = || object("v1", "Namespace", "name: n");
    let role = || web("name: a") + "---\n" + &object("rbac.authorization.k8s.io/v1", "ClusterRole", "name: r");
    let (one, two) = ("namePrefix: one-\n", "nameSuffix: -two\n");
    let component = |text: &str, listed: &str| {
        vec![
            ("kustomization.yaml", format!("resources: [d.yaml]\ncomponents: [{listed}]\n")),
            ("d.yaml", web("name: a")),
            (
                "part/kustomization.yaml",
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [d.yaml]\n".to_owned(),
            ),
            ("part/d.yaml", text.to_owned()),
        ]
    };
    let delete = "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: a}\n    \
                  $patch: delete\n";
    let rename = "patches:\n- {target: {kind: Deployment}, patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \
                  \"value\": \"z\"}]'}\n";
    check(vec![
        (diamond("", "", "", web("name: a")), TWICE),
        (diamond(one, two, "", web("name: a")), ""),
        (
            diamond(one, one, "", web("name: a")),
            "may not add resource with an already registered id: Deployment.v1.apps/one-a.[noNs]",
        ),
        (
            diamond(one, two, "", namespace()),
            "may not add resource with an already registered id: Namespace.v1.[noGrp]/n.[noNs]",
        ),
        (diamond("namespace: x\n", "namespace: z\n", "", web("name: a")), ""),
        (
            diamond("namespace: x\n", "namespace: z\n", "namespace: w\n", web("name: a")),
            "namespace transformation produces ID conflict",
        ),
        (
            diamond("namespace: x\n", "namespace: z\n", "", role()),
            "may not add resource with an already registered id: ClusterRole.v1.rbac.authorization.k8s.io/r.[noNs]",
        ),
        (diamond(delete, "", "", web("name: a")), ""),
        (diamond("", rename, "", web("name: a")), ""),
        (component(&web("name: a"), "part"), TWICE),
        (component(&web("name: b"), "part"), ""),
        (
            component(&web("name: b"), "part, part"),
            "may not add resource with an already registered id: Deployment.v1.apps/b.[noNs]",
        ),
    ]);
}

#[test]
fn documents_that_are_not_objects_are_refused() {
    let pod = |metadata: &str| format!("apiVersion: v1\nkind: Pod\n{metadata}");
    let bare = "missing metadata.name in object {{v1 Pod} {{ } map[] map[]}}";
    let kustomization = |text: &str| {
        vec![
            ("kustomization.yaml", "resources: [d.yaml, sub/kustomization.yaml]\n".to_owned()),
            ("d.yaml", web("name: a")),
            ("sub/kustomization.yaml", text.to_owned()),
        ]
    };
    let fine = ["", "# only this\n", "{}\n", "[]\n", "null\n---\n~\n---\n", "kind: Pod\nmetadata: {name: x}\n"];
    let mut rows: Vec<Row> = fine.map(|text| (beside(text.to_owned()), "")).into();
    let refused = [
        ("hello\n", "missing Resource metadata"),
        ("a: b\n", "missing Resource metadata"),
        ("metadata: {foo: x}\nspec: x\n", "missing Resource metadata"),
        ("- {apiVersion: v1, kind: Pod, metadata: {name: x}}\n", "missing Resource metadata"),
        ("apiVersion: v1\nmetadata: {name: x}\n", "missing kind in object {{v1 } {{x } map[] map[]}}"),
        ("apiVersion: v1\nkind: ''\nmetadata: {name: x}\n", "missing kind in object {{v1 } {{x } map[] map[]}}"),
        (
            "kind: Pod\nmetadata: {namespace: n, labels: {b: c, a: d}}\n",
            "missing metadata.name in object {{ Pod} {{ n} map[a:d b:c] map[]}}",
        ),
        ("apiVersion: v1\nkind: List\nitems: [a]\n", "missing Resource metadata"),
        (
            "apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a}}]\n",
            "missing kind in object {{ } {{a } map[] map[]}}",
        ),
    ];
    rows.extend(refused.map(|(text, words)| (beside(text.to_owned()), words)));
    let names = [
        "",
        "metadata:\n",
        "metadata: {name: }\n",
        "metadata: {name: ''}\n",
        "metadata: {generateName: x}\n",
        "metadata: x\n",
    ];
    rows.extend(names.map(|metadata| (beside(pod(metadata)), bare)));
    rows.push((kustomization("namespace: x\n"), "missing Resource metadata"));
    check(rows);
}

fn generated(text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("kustomization.yaml", format!("resources: [d.yaml]\n{text}\n")),
        ("d.yaml", web("name: a") + "---\n" + &object("v1", "ConfigMap", "name: there")),
        ("x.txt", "a=b\n".to_owned()),
        ("sub/x.txt", "a=b\n".to_owned()),
    ]
}

#[test]
fn generators_with_invalid_sources_are_refused() {
    check(
        [
            ("configMapGenerator: [{literals: [a=b]}]", "a configmap must have a name"),
            ("secretGenerator: [{name: '', literals: [a=b]}]", "a configmap must have a name"),
            ("configMapGenerator: [{name: q, literals: [foo]}]", "invalid literal source foo, expected key=value"),
            ("secretGenerator: [{name: q, literals: ['=foo']}]", "invalid literal source =foo, expected key=value"),
            ("configMapGenerator: [{name: q, literals: ['a=', 'b=c=d']}]", ""),
            ("configMapGenerator: [{name: q, literals: [a=b, a=c]}]", "configmap q illegally repeats the key `a`"),
            (
                "secretGenerator: [{name: q, literals: [a=b], files: [a=x.txt]}]",
                "configmap q illegally repeats the key `a`",
            ),
            ("configMapGenerator: [{name: q, files: ['x=']}]", "missing file path for key name \"x\" in source \"x=\""),
            ("configMapGenerator: [{name: q, files: ['=x']}]", "missing key name for file path \"x\" in source \"=x\""),
            ("configMapGenerator: [{name: q, files: [a=b=c]}]", "source \"a=b=c\" key name or file path contains '='"),
            ("configMapGenerator: [{name: q, files: [x.txt, k=sub/x.txt]}]", ""),
            ("configMapGenerator: [{name: q, files: [sub]}]", "'sub' must resolve to a file"),
            ("secretGenerator: [{name: q, envs: [sub]}]", "'sub' must resolve to a file"),
            ("patches: [{path: sub}]", "'sub' must resolve to a file"),
            // It is refused too, and left to who fills it in.
            ("configMapGenerator: [{name: q, literals: ['${LITERAL}']}]", ""),
        ]
        .map(|(text, words)| (generated(text), words))
        .into(),
    );
}

#[test]
fn generators_that_conflict_with_objects_are_refused() {
    let id = |name: &str, namespace: &str| {
        format!(
            "id resid.ResId{{Gvk:resid.Gvk{{Group:\"\", Version:\"v1\", Kind:\"ConfigMap\", isClusterScoped:false}}, \
             Name:\"{name}\", Namespace:\"{namespace}\"}}"
        )
    };
    let exists = |name: &str, namespace: &str, behavior: &str| {
        let words = format!("exists; can not use behavior: '{behavior}', behavior must be merge or replace");
        &*Box::leak(format!("{} {words}", id(name, namespace)).into_boxed_str())
    };
    let gone = &*Box::leak(format!("{} does not exist; cannot merge or replace", id("q", "")).into_boxed_str());
    let q = "{name: q, literals: [a=b]}";
    let mut rows: Vec<Row> = [
        (format!("configMapGenerator: [{q}, {q}]"), exists("q", "", "unspecified")),
        (
            format!("configMapGenerator: [{q}, {{name: q, namespace: default, behavior: create, literals: [a=b]}}]"),
            exists("q", "default", "create"),
        ),
        (format!("configMapGenerator: [{q}, {{name: q, namespace: o, literals: [a=b]}}]"), ""),
        (format!("configMapGenerator: [{q}, {{name: q, behavior: merge, literals: [c=d]}}]"), ""),
        (format!("configMapGenerator: [{q}]\nsecretGenerator: [{q}]"), ""),
        ("configMapGenerator: [{name: q, behavior: nosuch, literals: [a=b]}]".to_owned(), ""),
        ("configMapGenerator: [{name: q, behavior: replace, literals: [a=b]}]".to_owned(), gone),
        ("configMapGenerator: [{name: there, behavior: merge, literals: [a=b]}]".to_owned(), ""),
        ("configMapGenerator: [{name: there, literals: [a=b]}]".to_owned(), exists("there", "", "unspecified")),
        (
            format!("namespace: z\nconfigMapGenerator: [{q}, {{name: q, namespace: o, literals: [a=b]}}]"),
            "namespace transformation produces ID conflict",
        ),
    ]
    .map(|(text, words)| (generated(&text), words))
    .into();
    // The name that it had before is its name too.
    rows.push((
        vec![
            (
                "kustomization.yaml",
                "resources: [base]\nconfigMapGenerator: [{name: q, behavior: merge, literals: [c=d]}]\n".to_owned(),
            ),
            ("base/kustomization.yaml", format!("namePrefix: p-\nnamespace: z\nconfigMapGenerator: [{q}]\n")),
        ],
        "",
    ));
    check(rows);
}

#[test]
fn missing_variable_and_replacement_sources_are_refused() {
    let select = "targets: [{select: {kind: Deployment}, fieldPaths: [metadata.labels.x], options: {create: true}}]";
    let replacement = |source: &str| format!("replacements: [{{source: {source}, {select}}}]");
    let variable = |object: &str, more: &str| format!("vars: [{{name: V, objref: {object}{more}}}]");
    let a = "{kind: Deployment, name: a, apiVersion: apps/v1}";
    check(
        [
            (variable(a, ""), ""),
            (format!("namePrefix: p-\n{}", variable(a, "")), ""),
            (
                variable("{kind: Foo, name: b, apiVersion: v1}", ""),
                "var '{V Foo.v1.[noGrp] {metadata.name}}' cannot be mapped to a field in the set of known resources",
            ),
            (
                variable("{kind: Deployment, name: a, apiVersion: apps/v1, namespace: x}", ""),
                "var '{V Deployment.v1.apps {metadata.name}}' cannot be mapped to a field in the set of known resources",
            ),
            (
                variable(a, ", fieldref: {fieldpath: spec.nope}"),
                "field specified in var '{V Deployment.v1.apps {spec.nope}}' not found in corresponding resource",
            ),
            (format!("vars: [{{name: V, objref: {a}}}, {{name: V, objref: {a}}}]"), "var 'V' already encountered"),
            (replacement("{kind: Deployment}"), ""),
            (replacement("{kind: Foo, fieldPath: a}"), "nothing selected by Foo.[noVer].[noGrp]/[noName].[noNs]:a"),
            (
                replacement("{kind: Foo, name: x, namespace: z, group: g, version: v, fieldPath: a.b}"),
                "nothing selected by Foo.v.g/x.z:a.b",
            ),
            (replacement("{name: nothing}"), "nothing selected by [noKind].[noVer].[noGrp]/nothing.[noNs]"),
            (
                replacement("{fieldPath: metadata.name}"),
                "multiple matches for selector [noKind].[noVer].[noGrp]/[noName].[noNs]:metadata.name",
            ),
            (
                replacement("{kind: Deployment, fieldPath: spec.nope}"),
                "fieldPath `spec.nope` is missing for replacement source Deployment.[noVer].[noGrp]/[noName].[noNs]",
            ),
            // What is fetched may have it.
            (format!("{}\ngenerators: [g.yaml]", variable("{kind: Foo, name: b, apiVersion: v1}", "")), ""),
        ]
        .map(|(text, words)| {
            let mut files = generated(&text);
            files.push(("g.yaml", object("example.com/v1", "Maker", "name: m")));
            (files, words)
        })
        .into(),
    );
}

#[test]
fn duplicate_keys_are_refused_unless_a_patch_may_change_them() {
    let twice = || web("name: a") + "x: {a: {b: c, b: d}}\n";
    let words = "mapping key \"b\" already defined";
    let local = web("name: a, annotations: {config.kubernetes.io/local-config: 'true'}") + "x: {b: c, b: d}\n";
    let one = |more: &str, text: String| {
        vec![("kustomization.yaml", format!("resources: [d.yaml]\n{more}")), ("d.yaml", text)]
    };
    let patch =
        "patches: [{target: {kind: Deployment}, patch: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": {}}]'}]\n";
    let over = |more: &str| {
        vec![
            ("kustomization.yaml", format!("resources: [base]\n{more}")),
            ("base/kustomization.yaml", "resources: [d.yaml]\n".to_owned()),
            ("base/d.yaml", twice()),
        ]
    };
    check(vec![
        (one("", twice()), words),
        (one("", local), ""),
        (over(""), words),
        (one(patch, twice()), ""),
        (over(patch), ""),
    ]);
}
