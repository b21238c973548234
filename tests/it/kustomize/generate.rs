//! Kustomizations made at random from a seed: of what people write, and of what kustomize refuses.

use std::collections::BTreeMap;

/// Files of a case by their paths; what is built is the folder `o`.
pub(super) type Files = BTreeMap<String, String>;

/// A small generator of numbers (xorshift64*): the same on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

const WORKLOADS: &[(&str, &str)] = &[
    (
        "web.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: init, image: 'busybox:1.36'}
      containers:
      - {name: app, image: 'reg.example:5000/shop/web:1.0'}
      - {name: side, image: 'ghcr.io/acme/side@sha256:1111111111111111111111111111111111111111111111111111111111111111'}
      - {name: bare, image: redis}
",
    ),
    (
        "cron.yaml",
        "apiVersion: batch/v1
kind: CronJob
metadata: {name: cron}
spec:
  schedule: '@daily'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: 'redis:7'}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: 'acme/once:1'}]}}}
",
    ),
    (
        "rc.yaml",
        "apiVersion: v1
kind: ReplicationController
metadata: {name: rc}
spec:
  selector: {app: rc}
  template:
    metadata: {labels: {app: rc}}
    spec:
      imagePullSecrets: [{name: creds}]
      containers: [{name: main, image: 'quay.io/acme/rc:1@sha256:2222222222222222222222222222222222222222222222222222222222222222'}]
",
    ),
    (
        "list.yaml",
        "apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: one}
  spec: {containers: [{name: a, image: 'acme/one:1'}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: two, namespace: own}
  spec: {containers: [{name: a, image: 'acme/two'}, {name: b, image: 'ghcr.io/acme/side:2'}]}
",
    ),
    (
        "volume.yaml",
        "apiVersion: v1
kind: Pod
metadata: {name: volume}
spec:
  containers: [{name: main, image: 'acme/main:1'}]
  volumes: [{name: model, image: {reference: 'acme/model:1'}}]
",
    ),
    (
        "anchors.yaml",
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: anchors}
spec:
  serviceName: x
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      initContainers:
      - &c {name: first, image: &i 'acme/anchored:1'}
      containers:
      - {<<: *c, name: second}
      - {name: third, image: *i}
",
    ),
    (
        "custom.yaml",
        "apiVersion: example.com/v1
kind: Shop
metadata: {name: shop}
spec: {parts: [{containers: [{name: part, image: 'redis:7'}]}]}
",
    ),
    (
        "account.yaml",
        "apiVersion: v1
kind: ServiceAccount
metadata: {name: puller}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
",
    ),
];

const NAMES: &[&str] = &[
    "redis",
    "busybox",
    "reg.example:5000/shop/web",
    "ghcr.io/acme/side",
    "quay.io/acme/rc",
    "acme/one",
    "acme/(one|two)",
    "acme/.*",
    "'*'",
    "redis|busybox",
    "acme/main",
    "acme/model",
    "acme/anchored",
    "ghcr.io.acme.side",
    "'redis:7'",
    "'[a-z]+'",
    "'^redis$'",
    "shop/web",
    "acme/on",
    "'(redis)?'",
    "re+dis",
    "r.{3}s",
    "'\\w+'",
    "'.*/.*'",
];

const TAGS: &[&str] =
    &["'2'", "v3", "\"1.10\"", "latest", "sha-1a2b3c", "2024-01-02", "1.2.3", "v1e5", "null", "''", "~", "!!str 7"];

/// Not strings.
const NO_TEXTS: &[&str] = &[
    "7284872",
    "1.10",
    "553640e6",
    "true",
    "1_000",
    "0x1f2e",
    "0123456",
    "yes",
    "Off",
    "[a]",
    "{a: b}",
    ".5",
    "+12",
    "-3",
    "0b101",
    "0o17",
    "123456789012345678901234567890",
    "1e5",
    "n",
];

/// A key in one of the forms that kustomize takes.
fn key(random: &mut Random, name: &str) -> String {
    match random.below(12) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase(),
        2 => name[..1].to_uppercase() + &name[1..],
        3 => format!("'{name}'"),
        _ => name.to_owned(),
    }
}

fn text(random: &mut Random, good: &[&str]) -> String {
    if random.one_in(50) { random.pick(NO_TEXTS).to_owned() } else { random.pick(good).to_owned() }
}

fn image(random: &mut Random) -> String {
    let mut fields = vec![format!("{}: {}", key(random, "name"), text(random, NAMES))];
    if random.one_in(3) {
        let names = ["mirror.example/x", "redis", "'reg:80/y/z'", "valkey/valkey"];
        fields.push(format!("{}: {}", key(random, "newName"), text(random, &names)));
    }
    match random.below(6) {
        0 => fields.push(format!("{}: {}", key(random, "tagSuffix"), text(random, &["-alpine", "'-1'"]))),
        1 => {
            let digest = format!("sha256:{}", "3".repeat(64));
            fields.push(format!("{}: {}", key(random, "digest"), text(random, &[&digest])));
        }
        _ => fields.push(format!("{}: {}", key(random, "newTag"), text(random, TAGS))),
    }
    if random.one_in(60) {
        let unknown = random.pick(&["tag: '2'", "image: x", "newTags: '2'", "version: '1'", "name_: x"]);
        fields.push(unknown.to_owned());
    }
    format!("{{{}}}", fields.join(", "))
}

fn images(random: &mut Random) -> String {
    let name = if random.one_in(8) { "imageTags" } else { "images" };
    match random.below(60) {
        0 => format!("{}: {{redis: {{newTag: '2'}}}}\n", key(random, name)),
        1 => format!("{}: ['redis:2']\n", key(random, name)),
        2 => format!("{}: redis\n", key(random, name)),
        3 => format!("{}: []\n", key(random, name)),
        4 => format!("{name}:\n- &a {}\n- *a\n", image(random)),
        5 => format!("{name}:\n- &a {}\n- {{<<: *a, newTag: merged}}\n- {{newTag: before, <<: *a}}\n", image(random)),
        6 => format!("{name}:\n- *nowhere\n"),
        _ => {
            let count = 1 + random.below(3);
            let entries: String = (0..count).map(|_| format!("- {}\n", image(random))).collect();
            format!("{}:\n{entries}", key(random, name))
        }
    }
}

fn target(random: &mut Random) -> &'static str {
    random.pick(&[
        "{kind: Deployment, name: web}",
        "{kind: Deployment}",
        "{name: web}",
        "{kind: CronJob, name: cr.*}",
        "{group: apps, version: v1, kind: Deployment}",
        "{labelSelector: app=web}",
        "{kind: Pod}",
        "{kind: Deployment|StatefulSet}",
        "{kind: Nothing}",
        "{Kind: Deployment}",
        "{kind: Deployment, name: '['}",
        "{kind: 7}",
        "{kind: ServiceAccount}",
        "{kinds: Deployment}",
    ])
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";

fn merge(random: &mut Random) -> String {
    let spec = random.pick(&[
        "spec: {template: {spec: {containers: [{name: app, image: 'acme/patched:1'}]}}}\n",
        "spec: {replicas: 2}\n",
        "spec: {template: {spec: {containers: [{name: new, image: 'acme/new:1'}]}}}\n",
        "spec: {template: {spec: {containers: [{name: app, $patch: delete}]}}}\n",
        "spec: {template: {spec: {imagePullSecrets: [{name: more}]}}}\n",
        "spec: {template: {spec: {containers: [{name: app, env: [{name: A, value: b}]}]}}}\n",
        "spec: {template: {spec: {initContainers: null}}}\n",
        "spec: {template: {spec: {initContainers: [{name: init, image: 'busybox:patched'}]}}}\n",
        "spec: {template: {metadata: {annotations: {a: b}}}}\n",
        "spec: {template: {spec: {nodeSelector: {a: b}}}}\n",
        "spec: {template: {spec: {volumes: [{name: v, emptyDir: {}}]}}}\n",
        "$patch: delete\n",
    ]);
    format!("{DEPLOYMENT}{spec}")
}

fn operations(random: &mut Random) -> &'static str {
    random.pick(&[
        "[{\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/image\", \"value\": \"acme/json:1\"}]",
        "[{op: add, path: /metadata/labels, value: {a: b}}]",
        "- op: replace\n  path: /spec/replicas\n  value: 3\n",
        "- {op: add, path: /spec/template/spec/containers/-, value: {name: more, image: acme/more:1}}\n",
        "- {op: remove, path: /spec/template/spec/containers/0}\n",
        "- {op: add, path: /metadata/annotations, value: {x: z}}\n",
        "[{op: test, path: /kind, value: Deployment}]",
        "[{op: add, path: /spec/template/spec/imagePullSecrets, value: [{name: json}]}]",
        "- {op: add, path: /imagePullSecrets, value: [{name: json}]}\n",
    ])
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

fn patches(random: &mut Random, files: &mut Files) -> String {
    match random.below(10) {
        0 => format!("patches:\n- target: {}\n  patch: |-\n{}", target(random), indented(operations(random), 4)),
        1 => format!("patches:\n- patch: |-\n{}", indented(&merge(random), 4)),
        2 => {
            files.insert("o/merge.yaml".to_owned(), merge(random));
            format!("{}: [{{{}: merge.yaml}}]\n", key(random, "patches"), key(random, "path"))
        }
        3 => {
            files.insert("o/operations.yaml".to_owned(), operations(random).to_owned());
            format!("patches: [{{path: operations.yaml, target: {}}}]\n", target(random))
        }
        4 => {
            files.insert("o/old.yaml".to_owned(), merge(random));
            "patchesStrategicMerge: [old.yaml]\n".to_owned()
        }
        5 => format!("patchesStrategicMerge:\n- |-\n{}", indented(&merge(random), 2)),
        6 => {
            files.insert("o/json.yaml".to_owned(), operations(random).to_owned());
            let target = "{group: apps, version: v1, kind: Deployment, name: web}";
            format!("patchesJson6902: [{{target: {target}, path: json.yaml}}]\n")
        }
        7 => format!("patches:\n- target: {}\n  patch: |-\n{}", target(random), indented(&merge(random), 4)),
        8 => random
            .pick(&[
                "patches: [{target: {kind: Deployment}}]\n",
                "patches: [{path: merge.yaml, patch: x}]\n",
                "patches: [merge.yaml]\n",
                "patches: [{path: gone.yaml}]\n",
                "patchesStrategicMerge: [gone.yaml]\n",
                "patches: [{path: 7}]\n",
                "patches: []\n",
                "patchesStrategicMerge: [{a: b}]\n",
            ])
            .to_owned(),
        _ => format!(
            "patches:\n- target: {}\n  options: {{{}: true}}\n  patch: |-\n{}",
            target(random),
            random.pick(&["allowNameChange", "allowKindChange"]),
            indented(&merge(random), 4)
        ),
    }
}

fn transformer(random: &mut Random) -> String {
    let (kind, body) = match random.below(14) {
        0 => ("LabelTransformer", "labels: {env: dev}\nfieldSpecs: [{path: metadata/labels, create: true}]\n".to_owned()),
        1 => (
            "AnnotationsTransformer",
            "annotations: {a: b}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n".to_owned(),
        ),
        2 => ("PrefixTransformer", "prefix: p-\nfieldSpecs: [{path: metadata/name}]\n".to_owned()),
        3 => ("SuffixTransformer", "suffix: -s\nfieldSpecs: [{path: metadata/name}]\n".to_owned()),
        4 => ("NamespaceTransformer", "fieldSpecs: [{path: metadata/namespace, create: true}]\n".to_owned()),
        5 => ("ReplicaCountTransformer", "replica: {name: web, count: 3}\nfieldSpecs: [{path: spec/replicas, create: true, kind: Deployment}]\n".to_owned()),
        6 => ("PatchTransformer", format!("patch: '{}'\ntarget: {{kind: Deployment}}\n", "[{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": {\"a\": \"b\"}}]")),
        7 => ("PatchTransformer", format!("patch: |-\n{}", indented(&merge(random), 2))),
        8 => ("PatchStrategicMergeTransformer", format!("patches: |-\n{}", indented(&merge(random), 2))),
        9 => ("PatchJson6902Transformer", "target: {group: apps, version: v1, kind: Deployment, name: web}\njsonOp: '[{\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/image\", \"value\": \"acme/json:2\"}]'\n".to_owned()),
        10 => ("ImageTagTransformer", format!("imageTag: {}\n", image(random))),
        11 => ("ImageTagTransformer", "imageTag: {name: redis, newTag: '9'}\nfieldSpecs: [{path: 'spec/template/spec/containers[]/image'}]\n".to_owned()),
        12 => ("ReplacementTransformer", "replacements:\n- source: {kind: Deployment, name: web, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.app]\n".to_owned()),
        _ => ("PrefixSuffixTransformer", "prefix: q-\nfieldSpecs: [{path: metadata/name}]\n".to_owned()),
    };
    let metadata = if kind == "NamespaceTransformer" { "{name: t, namespace: moved}" } else { "{name: t}" };
    format!("apiVersion: builtin\nkind: {kind}\nmetadata: {metadata}\n{body}")
}

fn transformers(random: &mut Random, files: &mut Files) -> String {
    match random.below(5) {
        0 => format!("transformers:\n- |-\n{}", indented(&transformer(random), 2)),
        1 => {
            files.insert("o/t/kustomization.yaml".to_owned(), "resources: [t.yaml]\n".to_owned());
            files.insert("o/t/t.yaml".to_owned(), transformer(random));
            "transformers: [t]\n".to_owned()
        }
        2 if random.one_in(3) => "transformers: [gone.yaml]\n".to_owned(),
        _ => {
            let name = key(random, "transformers");
            files.insert("o/transformer.yaml".to_owned(), transformer(random));
            format!("{name}: [transformer.yaml]\n")
        }
    }
}

fn replacements(random: &mut Random, files: &mut Files) -> String {
    let source = "source: {kind: Deployment, name: web, fieldPath: metadata.name}";
    let path = random.pick(&[
        "metadata.labels.app",
        "spec.template.spec.containers.0.image",
        "spec.template.spec.containers.[name=app].image",
        "spec.template.metadata.labels.app",
        "metadata.labels.nothing",
    ]);
    let entry = format!("{source}\n  targets:\n  - select: {{kind: Deployment}}\n    fieldPaths: [{path}]\n");
    match random.below(4) {
        0 => {
            files.insert("o/replacement.yaml".to_owned(), entry.replace("\n  ", "\n"));
            "replacements: [{path: replacement.yaml}]\n".to_owned()
        }
        1 => {
            files.insert("o/replacement.yaml".to_owned(), format!("- {entry}"));
            "replacements: [{path: replacement.yaml}]\n".to_owned()
        }
        _ => format!("replacements:\n- {entry}"),
    }
}

/// Fields that are of no concern to images, and what is wrong with some of them.
fn other(random: &mut Random, files: &mut Files) -> String {
    match random.below(34) {
        0 => format!("{}: shop\n", key(random, "namespace")),
        1 => format!("{}: dev-\n", key(random, "namePrefix")),
        2 => "nameSuffix: -v2\n".to_owned(),
        3 => format!("commonLabels: {{team: {}}}\n", text(random, &["shop", "'7'"])),
        4 => format!("commonAnnotations: {{note: {}}}\n", text(random, &["x", "'true'"])),
        5 => format!("labels: [{{pairs: {{a: {}}}, includeSelectors: false}}]\n", text(random, &["b"])),
        6 => "replicas: [{name: web, count: 3}]\n".to_owned(),
        7 => random
            .pick(&[
                "replicas: [{name: web, count: 'x'}]\n",
                "replicas: [{name: web, count: 1.5}]\n",
                "replicas: [{name: gone, count: 1}]\n",
            ])
            .to_owned(),
        8 => "configMapGenerator: [{name: settings, literals: [a=b]}]\n".to_owned(),
        9 => {
            files.insert("o/settings.txt".to_owned(), "a=b\n".to_owned());
            "configMapGenerator: [{name: settings, files: [settings.txt], envs: [settings.txt]}]\n".to_owned()
        }
        10 => "configMapGenerator: [{name: settings, files: [gone.txt]}]\n".to_owned(),
        11 => "secretGenerator: [{name: creds, literals: [a=b], type: Opaque}]\n".to_owned(),
        12 => "secretGenerator: [{name: creds, envs: [gone.env]}]\n".to_owned(),
        13 => "generatorOptions: {disableNameSuffixHash: true, labels: {a: b}}\n".to_owned(),
        14 => "generatorOptions: {disableNameSuffixHash: 'true'}\n".to_owned(),
        15 => format!(
            "buildMetadata: [{}]\n",
            random.pick(&["originAnnotations", "managedByLabel", "originAnnotations, transformerAnnotations"])
        ),
        16 => "sortOptions: {order: fifo}\n".to_owned(),
        17 => "vars: [{name: NAME, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}]\n".to_owned(),
        18 => {
            files.insert(
                "o/configuration.yaml".to_owned(),
                "commonAnnotations: [{path: metadata/annotations, create: true}]\n".to_owned(),
            );
            "configurations: [configuration.yaml]\n".to_owned()
        }
        19 => {
            files.insert(
                "o/configuration.yaml".to_owned(),
                "images: [{path: spec/parts/image, kind: Shop}]\n".to_owned(),
            );
            "configurations: [configuration.yaml]\n".to_owned()
        }
        20 => format!(
            "apiVersion: {}\n",
            random.pick(&[
                "kustomize.config.k8s.io/v1beta1",
                "kustomize.config.k8s.io/v1",
                "v1",
                "''",
                "kustomize.config.k8s.io/v1alpha1"
            ])
        ),
        21 => format!("kind: {}\n", random.pick(&["Kustomization", "Kustomize", "''", "Component", "~"])),
        22 => {
            format!("{}: 1\n", random.pick(&["resource", "spec", "name", "patchs", "image", "1", "yes", "helmChart"]))
        }
        23 => "metadata: {name: x, annotations: {a: b}}\n".to_owned(),
        24 => "metadata: {name: x, creationTimestamp: null}\n".to_owned(),
        25 => "~: x\n".to_owned(),
        26 => "namespace: {a: b}\n".to_owned(),
        27 => format!("namePrefix: {}\n", random.pick(NO_TEXTS)),
        28 => "namespace: ''\nnamePrefix: ''\n".to_owned(),
        29 => "crds: []\nvalidators: []\n".to_owned(),
        30 => "helmGlobals: {chartHome: charts}\n".to_owned(),
        31 => "labels: [{pairs: {a: b}, fields: [{path: spec/x, create: true, kind: Shop}]}]\n".to_owned(),
        32 => "labels: [{pair: {a: b}}]\n".to_owned(),
        _ => "commonLabels: [a]\n".to_owned(),
    }
}

/// What depends on the objects that a build has: files of the folder `o`, and lines of its kustomization.
fn objects(random: &mut Random, files: &mut Files, under: &str) -> (String, String) {
    let web = WORKLOADS[0].1;
    let pod = |metadata: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{{metadata}}}\nspec: {{}}\n");
    let file = |files: &mut Files, text: String| {
        files.insert("o/more.yaml".to_owned(), text);
        ("more.yaml".to_owned(), String::new())
    };
    let part = |files: &mut Files, folder: &str, more: &str| {
        files.insert(format!("{folder}/kustomization.yaml"), format!("resources: [{under}]\n{more}"));
        (format!("../{folder}"), String::new())
    };
    let lines = |text: &str| (String::new(), format!("{text}\n"));
    match random.below(22) {
        0 => file(files, web.to_owned()),
        1 => file(files, web.replace("{name: web,", "{name: web, namespace: default,")),
        2 => file(files, web.replace("{name: web,", "{name: web, namespace: shop,")),
        3 => file(files, web.replace("{name: web,", "{name: dev-web,")),
        4 => file(files, pod("name: x") + "---\n" + &pod("name: x")),
        5 => file(files, pod("generateName: x")),
        6 => file(files, "a: b\n".to_owned()),
        7 => file(files, "# nothing\n---\n".to_owned() + &pod("name: x")),
        8 => file(files, "[]\n".to_owned()),
        9 => file(files, format!("{}x: {{a: b, a: c}}\n", pod("name: x"))),
        10 => file(files, "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n".to_owned()),
        11 => part(files, "again", ""),
        12 => part(files, "again", "namePrefix: again-\n"),
        13 => part(files, "again", "namespace: again\n"),
        14 => ("../base/kustomization.yaml".to_owned(), String::new()),
        15 => ("../base/web.yaml".to_owned(), String::new()),
        16 => lines("configMapGenerator: [{name: q, literals: [a=b]}, {name: q, behavior: merge, literals: [c=d]}]"),
        17 => lines(random.pick(&[
            "configMapGenerator: [{name: q, literals: [a=b]}, {name: q, literals: [c=d]}]",
            "configMapGenerator: [{name: q, literals: [a]}]",
            "configMapGenerator: [{literals: [a=b]}]",
            "configMapGenerator: [{name: q, files: ['x=']}]",
        ])),
        18 => lines(random.pick(&[
            "secretGenerator: [{name: q, behavior: replace, literals: [a=b]}]",
            "secretGenerator: [{name: q, behavior: nosuch, literals: [a=b, a=c]}]",
            "secretGenerator: [{name: q, namespace: o, literals: [a=b]}, {name: q, literals: [a=b]}]",
        ])),
        19 => lines(random.pick(&[
            "vars: [{name: V, objref: {apiVersion: v1, kind: Pod, name: gone}}]",
            "vars: [{name: V, objref: {apiVersion: apps/v1, kind: Deployment, name: web}, fieldref: {fieldpath: spec.gone}}]",
            "vars: [{name: V, objref: {apiVersion: apps/v1, kind: Deployment, name: dev-web}}]",
        ])),
        20 => lines(random.pick(&[
            "replacements: [{source: {kind: Gone}, targets: [{select: {kind: Pod}, fieldPaths: [metadata.name]}]}]",
            "replacements: [{source: {version: v1}, targets: [{select: {kind: Pod}, fieldPaths: [metadata.name]}]}]",
            "replacements: [{source: {kind: Deployment, fieldPath: spec.gone}, targets: [{select: {kind: Pod}, fieldPaths: [metadata.name]}]}]",
        ])),
        _ => {
            files.insert("o/sub/x.txt".to_owned(), "x\n".to_owned());
            lines("configMapGenerator: [{name: q, files: [sub]}]")
        }
    }
}

/// A case.
pub(super) fn files(seed: u64) -> Files {
    let mut random = Random::new(seed + 1);
    let random = &mut random;
    let mut files = Files::new();
    let mut members = vec!["web.yaml"];
    for (name, _) in &WORKLOADS[1..] {
        if random.one_in(3) {
            members.push(name);
        }
    }
    for (name, text) in WORKLOADS.iter().filter(|(name, _)| members.contains(name)) {
        files.insert(format!("base/{name}"), (*text).to_owned());
    }
    let list: String = members.iter().map(|name| format!("- {name}\n")).collect();
    let mut base = format!("{}:\n{list}", random.pick(&["resources", "resources", "resources", "bases", "Resources"]));
    if random.one_in(6) {
        base += &images(random);
    }
    files.insert("base/kustomization.yaml".to_owned(), base);
    let mut under = "../base";
    if random.one_in(5) {
        files.insert("middle/kustomization.yaml".to_owned(), {
            let mut text = "resources: [../base]\n".to_owned();
            if random.one_in(2) {
                text += &images(random);
            } else {
                text += random.pick(&["namespace: middle\n", "namePrefix: m-\n", "nameSuffix: -m\n"]);
            }
            text
        });
        under = "../middle";
    }
    let mut over = match random.below(50) {
        0 => format!("bases: [{under}]\n"),
        1 => format!("resources: [{under}, gone.yaml]\n"),
        2 => format!("resources: [{under}, ../empty]\n"),
        3 => format!("resources: {under}\n"),
        4 => format!("resources: [{under}]\nresources: [{under}]\n"),
        _ => format!("{}: [{under}]\n", key(random, "resources")),
    };
    let mut more = Random::new(seed + 1_000_003);
    if more.one_in(4) {
        let (member, lines) = objects(&mut more, &mut files, under);
        if !member.is_empty() {
            // The last of a doubled key counts.
            over = over.replace(&format!("[{under}"), &format!("[{under}, {member}"));
        }
        over += &lines;
    }
    if over.contains("../empty") {
        files.insert("empty/notes.txt".to_owned(), "x\n".to_owned());
    }
    if random.one_in(8) {
        let (kind, version) = match random.below(6) {
            0 => ("Kustomization", "v1beta1"),
            1 => ("Component", "v1beta1"),
            _ => ("Component", "v1alpha1"),
        };
        let text = format!("apiVersion: kustomize.config.k8s.io/{version}\nkind: {kind}\n{}", images(random));
        files.insert("part/kustomization.yaml".to_owned(), text);
        over += if random.one_in(8) { "bases: [../part]\n" } else { "components: [../part]\n" };
    }
    let mut used = Vec::new();
    for _ in 0..1 + random.below(3) {
        let what = random.below(12);
        let what = match what {
            0..=4 => 0,
            5 | 6 => 1,
            7 => 2,
            8 => 3,
            _ => 4,
        };
        if what != 4 && used.contains(&what) {
            continue;
        }
        used.push(what);
        over += &match what {
            0 => images(random),
            1 => patches(random, &mut files),
            2 => transformers(random, &mut files),
            3 => replacements(random, &mut files),
            _ => other(random, &mut files),
        };
    }
    if random.one_in(40) {
        over += "---\nimages: 7\n";
    }
    let name = random.pick(&["kustomization.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"]);
    files.insert(format!("o/{name}"), over);
    if random.one_in(60) && name != "kustomization.yml" {
        files.insert("o/kustomization.yml".to_owned(), "namespace: x\n".to_owned());
    }
    files
}
