//! `.pullcheck.yaml`: where it is found, what it may say, what counts, and what a stranger can do with it.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

mod hostile_pull_request;
mod schema;

use std::fs;
use std::path::Path;

use pullcheck_support::{Output, Run};
use tempfile::TempDir;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: nginx}\n";

/// A git repository with these files.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("repo/.git")).unwrap();
    for (name, text) in files {
        let path = folder.path().join("repo").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn pullcheck(folder: &Path) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder).arg("--offline")
}

/// `severity rule file` of every finding.
fn findings(output: &Output) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
    let words =
        |finding: &serde_json::Value| ["severity", "rule", "file"].map(|key| finding[key].as_str().unwrap().to_owned());
    report["findings"].as_array().unwrap().iter().map(|finding| words(finding).join(" ")).collect()
}

fn found(folder: &Path, args: &[&str]) -> Vec<String> {
    findings(&pullcheck(folder).args(["--format", "json", "."]).args(args).output())
}

#[test]
fn nearest_config_file_up_to_the_repository_root_applies() {
    let note = "rules: {mutable-tag: note}\n";
    let folder = repository(&[("a/b/pod.yaml", POD), (".pullcheck.yaml", "rules: {mutable-tag: error}\n")]);
    let repo = folder.path().join("repo");
    assert_eq!(found(&repo, &[]), ["error mutable-tag a/b/pod.yaml"]);
    assert_eq!(found(&repo.join("a/b"), &[]), ["error mutable-tag pod.yaml"]);
    fs::write(repo.join("a/.pullcheck.yml"), note).unwrap();
    assert_eq!(found(&repo.join("a/b"), &[]), ["note mutable-tag pod.yaml"]);
    assert_eq!(found(&repo, &[]), ["error mutable-tag a/b/pod.yaml"]);
    assert_eq!(found(&repo, &["--no-config"]), ["warning mutable-tag a/b/pod.yaml"]);
}

#[test]
fn config_above_the_repository_root_is_not_read() {
    let folder = repository(&[("a/pod.yaml", POD)]);
    fs::write(folder.path().join(".pullcheck.yaml"), "rules: {mutable-tag: error}\n").unwrap();
    assert_eq!(found(&folder.path().join("repo/a"), &[]), ["warning mutable-tag pod.yaml"]);
    // A worktree has a file there.
    fs::remove_dir(folder.path().join("repo/.git")).unwrap();
    fs::write(folder.path().join("repo/.git"), "gitdir: elsewhere\n").unwrap();
    assert_eq!(found(&folder.path().join("repo/a"), &[]), ["warning mutable-tag pod.yaml"]);
    // Outside of any repository the current folder alone counts.
    fs::remove_file(folder.path().join("repo/.git")).unwrap();
    assert_eq!(found(&folder.path().join("repo"), &[]), ["warning mutable-tag a/pod.yaml"]);
    assert_eq!(found(folder.path(), &[]), ["error mutable-tag repo/a/pod.yaml"]);
}

#[test]
fn config_must_be_one_regular_file_of_limited_size() {
    let refused = |make: &dyn Fn(&Path), words: &str| {
        let folder = repository(&[("pod.yaml", POD), ("other.yaml", "rules: {mutable-tag: off}\n")]);
        let repo = folder.path().join("repo");
        make(&repo);
        pullcheck(&repo).arg(".").output().assert_status(2).assert_stderr_has(words);
    };
    let config = |repo: &Path| repo.join(".pullcheck.yaml");
    refused(&|repo| fs::create_dir(config(repo)).unwrap(), ".pullcheck.yaml: it is not a regular file");
    refused(&|repo| fs::write(config(repo), "#".repeat((1 << 20) + 1)).unwrap(), "larger than 1 MiB");
    refused(&|repo| fs::write(config(repo), b"\xff\xff").unwrap(), ".pullcheck.yaml: it is not valid UTF-8");
    refused(
        &|repo| [".pullcheck.yaml", ".pullcheck.yml"].iter().for_each(|name| fs::write(repo.join(name), "").unwrap()),
        "both .pullcheck.yaml and .pullcheck.yml exist",
    );
    #[cfg(unix)]
    {
        let link = |target: &'static str| {
            move |repo: &Path| std::os::unix::fs::symlink(target, repo.join(".pullcheck.yaml")).unwrap()
        };
        refused(&link("other.yaml"), "it is a symbolic link");
        refused(&link("/proc/self/environ"), "it is a symbolic link");
        refused(&link("absent.yaml"), "it is a symbolic link");
        let fifo = |repo: &Path| {
            assert!(std::process::Command::new("mkfifo").arg(config(repo)).status().unwrap().success());
        };
        refused(&fifo, "it is not a regular file");
    }
}

#[test]
fn config_option_replaces_the_discovered_file() {
    let folder = repository(&[("pod.yaml", POD), (".pullcheck.yaml", "no-such-key: 1\n"), ("c/x.yaml", "")]);
    let repo = folder.path().join("repo");
    assert_eq!(found(&repo, &["--config", "c/x.yaml"]), ["warning mutable-tag pod.yaml"]);
    let refused = |args: &[&str]| pullcheck(&repo).args(args).output().assert_status(2);
    refused(&["--config", "absent.yaml"]).assert_stderr_has("--config absent.yaml: no such file");
    refused(&["--config", "c"]).assert_stderr_has("it is not a regular file");
    refused(&["--config", "c/x.yaml", "--no-config"]).assert_stderr_has("cannot be used with");
    // What looks at no manifest needs no configuration.
    for args in [&["--list-rules"][..], &["--explain", "mutable-tag"]] {
        Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(&repo).args(args).output().assert_status(0);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("c/x.yaml", repo.join("link.yaml")).unwrap();
        assert_eq!(found(&repo, &["--config", "link.yaml"]), ["warning mutable-tag pod.yaml"]);
    }
}

/// What standard error says of a configuration.
fn faults(text: &str) -> Vec<String> {
    let folder = repository(&[("pod.yaml", POD), (".pullcheck.yaml", text)]);
    let output = pullcheck(&folder.path().join("repo")).arg(".").output();
    let said = output.stderr.strip_prefix("pullcheck: ").unwrap_or(&output.stderr);
    assert_eq!(output.status == Some(2), !said.is_empty(), "{text}\n{output}");
    said.lines().map(|line| line.strip_prefix(".pullcheck.yaml:").unwrap_or(line).to_owned()).collect()
}

#[test]
fn config_errors_point_at_line_and_column() {
    for (text, expected) in [
        ("", &[][..]),
        ("# nothing\n", &[]),
        ("rules:\n# mutable-tag: off\noverrides:\n", &[]),
        ("fail_on: error\n", &["1:1: unknown key `fail_on`; did you mean `fail-on`?"]),
        ("\n  rule: {}\n", &["2:3: unknown key `rule`; did you mean `rules`?"]),
        ("kinds: []\n", &[]),
        ("kinds:\n", &[]),
        ("kinds: x\n", &["1:8: expected a list of kinds, each with `group`, `kind`, and `pods`"]),
        ("kinds: [x]\n", &["1:9: a kind must be a mapping with `group`, `kind`, and `pods`"]),
        (
            "kinds:\n- group: a.example/v1\n  kinds: B\n  pod: []\n",
            &[
                "2:3: a kind needs `kind`: its name, or a list of names",
                "2:3: a kind needs `pods`, a list with one item for each pod that is created from an object",
                "2:10: a group has no version: expected the part of `apiVersion` before the `/`",
                "3:3: unknown key `kinds`; did you mean `kind`?",
                "4:3: unknown key `pod`; did you mean `pods`?",
            ],
        ),
        (
            "kinds:\n- group: a.example\n  kind: B\n  pods:\n  - image: spec.image\n    pull_secrets: a[0]\n    \
             volumes: spec..image\n    credentials: all\n    pulled-by: istio\n    volumes: spec[x]\n",
            &[
                "5:5: unknown key `image`; did you mean `images`?",
                "6:5: unknown key `pull_secrets`; did you mean `pull-secrets`?",
                "8:18: credentials: expected `as-written` or `and-more`",
                "9:16: pulled-by: expected `kubelet` or `operator`",
                "10:5: `volumes` is set twice; remove one of them",
                "10:14: not a path of fields: \"spec[x]\": only `[]` and `[key=field]` can follow a key",
            ],
        ),
        (
            "kinds:\n- group: apps\n  kind: [StatefulSet, Deployment2]\n  pods: [{pod-spec: spec}]\n- group: ''\n  \
             kind: Pod\n  pods: [{pod-spec: spec}]\n",
            &[
                "3:10: `StatefulSet` of the group `apps` is built in, and needs no entry",
                "6:9: `Pod` of the core group is built in, and needs no entry",
            ],
        ),
        (
            "kinds:\n- group: a.example\n  kind: B\n  pods: [{images: a}]\n- group: a.example\n  kind: [C, B]\n  pods: \
             [{images: []}, {}]\n",
            &[
                "6:9: `B` of this group is listed above, and that entry wins: remove one of them",
                "7:19: the path is empty: remove the key if there is none",
                "7:24: this pod has nothing to read: it needs one of pod-spec, images, image-parts, image-objects, \
                 image-uris, containers, init-containers, volumes, pull-secrets",
            ],
        ),
        (
            "é: &a 1\nclosed: *a\n",
            &[
                "1:1: unknown key `é`; the keys are the long names of the options (see --help), and rules, overrides, \
             mutable-tags, allowed-registries, kinds",
                "2:9: closed: expected `true` or `false`",
            ],
        ),
        ("closed: true\nclosed: false\n", &["2:1: `closed` is set twice; remove one of them"]),
        (
            "fail-on: warnin\n",
            &[
                "1:10: fail-on: unknown value `warnin`: expected one of error, warning, note, never; did you mean `warning`?",
            ],
        ),
        (
            "platform: [linux/amd64, 'darwin/arm64']\n",
            &["1:25: platform: `darwin/arm64`: no node runs `darwin`; use linux or windows"],
        ),
        ("platform: {a: b}\n", &["1:11: platform: expected a value or a list of values"]),
        ("namespace: [a]\n", &["1:12: namespace: expected a single value"]),
        ("namespace:\n", &["1:11: namespace: the value is missing"]),
        ("closed: 1\n", &["1:9: closed: expected `true` or `false`"]),
        (
            "max-image-size: 2 parsecs\n",
            &["1:17: max-image-size: ` parsecs` is not a unit of size; use KiB, MiB, GiB, or KB, MB, GB"],
        ),
        (
            "deny: [a]\n",
            &["1:1: `deny` can be set only on the command line; in a file, write `rules: {RULE: \
         SEVERITY}`"],
        ),
        ("config: a\n", &["1:1: `config` can be set only on the command line: pass --config"]),
        ("rules: {mutable_tag: error}\n", &["1:9: unknown rule `mutable_tag`; did you mean `mutable-tag`?"]),
        ("rules: {mutable-tag: deny}\n", &["1:22: expected a severity: `error`, `warning`, `note`, or `off`"]),
        ("rules: [a]\n", &["1:8: `rules` must be a mapping of rules with their severities"]),
        ("overrides:\n- paths: a\n", &["2:3: an override needs `paths` and `rules`"]),
        (
            "overrides:\n- {paths: a, rules: {}, x: 1}\n",
            &["2:25: unknown key `x`; an override has `paths` and `rules`"],
        ),
        ("overrides: {}\n", &["1:12: `overrides` must be a list; each item has `paths` and `rules`"]),
        (
            "overrides: [{paths: [b, 'a['], rules: {}}]\n",
            &["1:25: paths: invalid pattern: unclosed character class; missing ']'"],
        ),
        ("mutable-tags: ['', a]\n", &["1:16: mutable-tags: the value is empty"]),
        ("- a\n", &["1:1: a configuration must be a mapping of names of options with their values"]),
        (
            "a: 1\n---\nb: 2\n",
            &[
                "1:1: unknown key `a`; the keys are the long names of the options (see --help), and rules, overrides, \
             mutable-tags, allowed-registries, kinds",
                "3:1: a configuration must be a single document",
            ],
        ),
        ("quiet: true\nverbose: true\n", &[" the argument '--quiet' cannot be used with '--verbose'"]),
    ] {
        assert_eq!(faults(text), expected, "{text}");
    }
    assert_eq!(faults("exclude: [a, '[']\n"), ["1:14: exclude: unclosed character class; missing ']'"]);
    assert!(faults("node-credentials: ghcr.io/a b\n")[0].starts_with("1:19: node-credentials: `ghcr.io/a b` "));
    assert!(faults("a: [\n")[0].contains("invalid YAML"));
    assert_eq!(faults(&(0..30).map(|n| format!("k{n}: 1\n")).collect::<String>()).last().unwrap(), "and 10 more");
}

#[test]
fn config_options_act_like_command_line_options() {
    let same = |config: &str, args: &[&str]| {
        let folder = repository(&[("pod.yaml", POD), ("x/pod.yaml", POD)]);
        let repo = folder.path().join("repo");
        let by_args = pullcheck(&repo).args(args).args([".", "--format", "plain"]).output();
        fs::write(repo.join(".pullcheck.yaml"), config).unwrap();
        let by_file = pullcheck(&repo).args([".", "--format", "plain"]).output();
        assert_eq!(by_file, by_args, "{config}");
        let neither = pullcheck(&repo).args(["--no-config", ".", "--format", "plain"]).output();
        assert_ne!(by_file, neither, "{config} changes nothing");
    };
    same("exclude: x\n", &["--exclude", "x"]);
    same("exclude: [x/pod.yaml]\n", &["--exclude", "x/pod.yaml"]);
    same("fail-on: warning\n", &["--fail-on=warning"]);
    same("rules: {mutable-tag: off, short-name: error}\n", &["--allow=mutable-tag", "--deny", "short-name"]);
    same("rules:\n  all: 'error'\n", &["--deny=all"]);
    same("exclude: '**/*.yaml'\nallow-empty: yes\n", &["--exclude=**/*.yaml", "--allow-empty"]);
}

#[test]
fn overrides_set_severities_per_path() {
    let config = "rules: {mutable-tag: error, short-name: warning}\noverrides:\n- paths: [staging/, '*.tmp.yaml']\n  \
                  rules: {mutable-tag: note}\n- paths: /staging/eu/**\n  rules: {all: off}\n- paths: '!a.tmp.yaml'\n  \
                  rules: {mutable-tag: off}\n";
    let files = ["pod.yaml", "staging/a.yaml", "staging/eu/b.yaml", "x/staging/c.yaml", "x/a.tmp.yaml"];
    let mut all: Vec<(&str, &str)> = files.iter().map(|name| (*name, POD)).collect();
    all.push((".pullcheck.yaml", config));
    let folder = repository(&all);
    let repo = folder.path().join("repo");
    let expected = [
        "error mutable-tag pod.yaml",
        "warning short-name pod.yaml",
        "note mutable-tag staging/a.yaml",
        "warning short-name staging/a.yaml",
        "note mutable-tag x/a.tmp.yaml",
        "warning short-name x/a.tmp.yaml",
        "note mutable-tag x/staging/c.yaml",
        "warning short-name x/staging/c.yaml",
    ];
    assert_eq!(found(&repo, &[]), expected);
    // Patterns are meant from the file's folder, wherever the command runs.
    let below = |args: &[&str]| findings(&pullcheck(&repo.join("x")).args(["--format=json"]).args(args).output());
    assert_eq!(below(&["../staging"]), ["note mutable-tag ../staging/a.yaml", "warning short-name ../staging/a.yaml"]);
    assert_eq!(below(&["./staging"]), ["note mutable-tag staging/c.yaml", "warning short-name staging/c.yaml"]);
    let absolute = repo.join("staging/a.yaml");
    assert_eq!(below(&[absolute.to_str().unwrap()]).len(), 2);
    // The command line lies over both, and turns nothing on.
    let denied = found(&repo, &["--deny", "all", "--allow", "short-name"]);
    let of_tag = |name: &str| format!("error mutable-tag {name}");
    assert_eq!(denied, ["pod.yaml", "staging/a.yaml", "x/a.tmp.yaml", "x/staging/c.yaml"].map(of_tag));
    assert_eq!(found(&repo, &["--note", "mutable-tag", "--allow=short-name"]).len(), 5);
    // Standard input is nowhere, unless it is given a name.
    let piped = |args: &[&str]| {
        findings(&pullcheck(&repo).args(["--format=json", "-", "--allow=short-name"]).args(args).stdin(POD).output())
    };
    assert_eq!(piped(&[]), ["error mutable-tag <stdin>"]);
    assert_eq!(piped(&["--stdin-filename=staging/z.yaml"]), ["note mutable-tag staging/z.yaml"]);
}

/// The line of a key of `--print-config`.
fn printed(run: Run, key: &str) -> String {
    let output = run.arg("--print-config").output().assert_status(0);
    let is_of = |line: &&str| line.trim_start_matches("# ").trim_start().starts_with(&format!("{key}:"));
    output.stdout.lines().find(is_of).unwrap_or_else(|| panic!("{key}\n{output}")).trim_start().to_owned()
}

#[test]
fn command_line_overrides_environment_then_config_file() {
    let config = "timeout: 3s\ncolor: always\nverbose: true\nexclude: [a, b]\nmax-image-size: 1GiB\n\
                  dockerconfigjson: pull.json\nplatform: linux/arm64\nrules: {mutable-tag: note}\n";
    let folder = repository(&[("c.yaml", config)]);
    let repo = folder.path().join("repo");
    let run = |args: &[&str]| pullcheck(&repo).args(args);
    let with = |args: &[&str]| run(&["--config", "c.yaml"]).args(args);
    assert_eq!(printed(run(&[]), "timeout"), "timeout: 15s # default");
    assert_eq!(printed(with(&[]), "timeout"), "timeout: 3s # c.yaml:1:1");
    assert_eq!(printed(with(&["--timeout", "4s"]), "timeout"), "timeout: 4s # command line");
    assert_eq!(printed(with(&[]), "color"), "color: always # c.yaml:2:1");
    assert_eq!(printed(with(&[]).env("NO_COLOR", "1"), "color"), "color: auto # environment: NO_COLOR");
    assert_eq!(printed(with(&["--color=never"]).env("NO_COLOR", "1"), "color"), "color: never # command line");
    // A list of the command line stands in place of the file's.
    let lists = with(&["--exclude", "z", "--print-config"]).output();
    assert!(lists.stdout.contains("exclude: # command line\n  - z\nhidden"), "{lists}");
    // So does what does not go with it.
    assert_eq!(printed(with(&["--quiet"]), "verbose"), "verbose: false # default");
    let path = repo.join("pull.json");
    let shown = format!("dockerconfigjson: {} # c.yaml:6:1", path.display());
    assert_eq!(printed(with(&[]), "dockerconfigjson").replace('"', ""), shown);
    let secret = "{\"auths\": {\"ghcr.io\": {\"auth\": \"dTpwYXNzd29yZA==\"}}}";
    let by_environment = with(&[]).env("PULLCHECK_DOCKERCONFIGJSON", secret);
    let shown = "# dockerconfigjson: not shown # environment: PULLCHECK_DOCKERCONFIGJSON";
    assert_eq!(printed(by_environment, "dockerconfigjson"), shown);
    let by_mistake = printed(run(&["--dockerconfigjson", secret]), "dockerconfigjson");
    assert_eq!(by_mistake, "# dockerconfigjson: not shown because it could be a secret # command line");
    // Rules are put together one by one.
    let rules = with(&["--deny", "short-name", "--print-config"]).output();
    let block = "rules:\n  large-image: warning # c.yaml:5:1\n  mutable-tag: note # c.yaml:8:9\n  short-name: error \
                 # command line\n";
    assert!(rules.stdout.contains(block), "{rules}");
}

#[test]
fn printed_config_can_be_read_back() {
    let config = "exclude: ['a b', \"\\u202e##[x]\"]\nclosed: true\nnamespace: 'off'\nexpect-image: ghcr.io/acme/*:1\n\
                  service-account: ['a=b,c', 'd=']\nnode-credentials: none\nruntime: cri-o\n\
                  rules: {all: warning, short-name: note, mutable-tag: off}\nmutable-tags: []\n\
                  allowed-registries: [ghcr.io/acme, '*.corp:5000']\n\
                  kinds:\n- {group: '', kind: Widget, at: spec, pods: [{images: ['a.{b,c}.*', '/d[][]'], \
                  pull-secrets: 's[].name'}, {each: ['e[]', .], pod-spec: ., namespace: unknown}]}\n\
                  - {group: b.example, kind: ['on', C], pods: [{image-parts: ., containers: c, init-containers: i, \
                  volumes: v, own-pull-secrets: '/s[key=name].t[]', service-account: [a, /b], default-service-account: unknown, default-registry: unknown, \
                  pulled-by: operator}]}\n\
                  overrides:\n- {paths: [x, '#y'], rules: {all: off, mutable-tag: error}}\n- {paths: z, rules: {}}\n\
                  - {paths: [], rules: {mutable-tag: off}}\n";
    let folder = repository(&[(".pullcheck.yaml", config), ("o/pod.yaml", POD)]);
    let repo = folder.path().join("repo");
    let args =
        ["--ca-cert", "ca.pem", "--deny=all", "--note=short-name", "--pull-secret=n/s=pull.json", "--print-config"];
    let first = pullcheck(&repo).args(args).output().assert_status(0).stdout;
    let without_origins = |text: &str| {
        let lines = text.lines().skip(1).map(|line| line.rsplit_once(" # ").map_or(line, |(line, _)| line).to_owned());
        lines.collect::<Vec<_>>()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("read-back.yaml");
    fs::write(&file, &first).unwrap();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(&elsewhere).arg("--config").arg(&file);
    let second = run.arg("--print-config").output().assert_status(0).stdout;
    assert_eq!(without_origins(&second), without_origins(&first), "{first}");
    assert!(first.contains("group: b.example\n    kind: [\"on\", C]"), "{first}");
    assert!(first.contains(&repo.join("ca.pem").display().to_string()), "{first}");
}

#[test]
fn configured_kinds_extend_and_override_built_in_kinds() {
    let widget =
        "apiVersion: widgets.example/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n  image: ghcr.io/acme/w:latest\n";
    let rollout =
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec:\n  image: ghcr.io/acme/r:latest\n";
    let kinds = "kinds:\n- {group: widgets.example, kind: Widget, pods: [{images: spec.image}]}\n\
                 - {group: argoproj.io, kind: Rollout, pods: [{images: spec.image}]}\n";
    let folder = repository(&[("w.yaml", widget), ("r.yaml", rollout)]);
    let repo = folder.path().join("repo");
    assert_eq!(found(&repo, &[]), ["note unchecked-kind w.yaml"]);
    fs::write(repo.join(".pullcheck.yaml"), kinds).unwrap();
    // A row of the file counts in place of the table's.
    assert_eq!(found(&repo, &[]), ["warning mutable-tag r.yaml", "warning mutable-tag w.yaml"]);
}
