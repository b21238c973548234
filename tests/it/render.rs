//! `--render`: what the tools are given, what becomes of their output, and what when they fail.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "makes the files that are rendered, and looks for the tools")]

mod limits;
mod real_tools;
mod releases;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pullcheck_support::{Output, Run};
use serde_json::Value;
use tempfile::TempDir;

/// A pod with one image.
fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    )
}

/// A folder of inputs, and tools that do what a script says.
struct Stage {
    folder: TempDir,
    tools: TempDir,
}

impl Stage {
    fn new(files: &[(&str, &str)], tools: &[(&str, &str)]) -> Self {
        let stage = Self { folder: TempDir::new().unwrap(), tools: TempDir::new().unwrap() };
        for (name, text) in files {
            let file = stage.folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        for (name, script) in tools {
            // A program that was just written can be busy; what it reads cannot.
            let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/render/fake_tool.sh");
            symlink(fake, stage.tools.path().join(name)).unwrap();
            fs::write(stage.tools.path().join(format!("{name}.script")), script).unwrap();
        }
        stage
    }

    /// A chart, its template, and a file beside it.
    fn chart(helm: &str) -> Self {
        let (template, beside) = (pod("raw", "docker.io/a/raw:1"), pod("beside", "docker.io/a/beside:1"));
        let files = [("shop/Chart.yaml", "name: shop\n"), ("shop/templates/a.yaml", &template), ("b.yaml", &beside)];
        Self::new(&files, &[("helm", helm)])
    }

    fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.tools.path().display())
    }

    fn run(&self) -> Run {
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(self.folder.path());
        run.env("PATH", self.path()).args(["--offline", "--render"])
    }

    /// What a tool wrote into the file that its script calls `$0.NAME`.
    fn written(&self, tool: &str, name: &str) -> String {
        let file = self.tools.path().join(format!("{tool}.{name}"));
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// File and image of each use.
fn images(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let images = report["images"].as_array().unwrap();
    images.iter().map(|image| (text(&image["file"]), text(&image["value"]))).collect()
}

#[test]
fn rendered_manifests_replace_the_chart_files() {
    let stage = Stage::chart(&format!("cat <<'END'\n{}END\n", pod("made", "docker.io/a/made:1")));
    let report = json(&stage.run().args(["--format", "json", "."]).output().assert_status(0));
    let expected = [("b.yaml", "docker.io/a/beside:1"), ("shop/Chart.yaml", "docker.io/a/made:1")];
    assert_eq!(images(&report), expected.map(|(file, image)| (file.to_owned(), image.to_owned())));
    assert_eq!(report["summary"]["files"], 3);
}

#[test]
fn tools_get_only_needed_arguments_and_environment() {
    let files = [
        ("-shop/Chart.yaml", "name: shop"),
        ("values, mine.yaml", ""),
        ("prod/kustomization.yaml", "resources: [a.yaml]"),
        ("prod/a.yaml", &pod("a", "docker.io/a/a:1")),
    ];
    let script = "printf '%s\\n' \"$@\" > \"$0.args\"; env > \"$0.env\"";
    let build = &format!("{script}; cat \"$2/kustomization.yaml\" > \"$0.wrapper\"");
    let stage = Stage::new(&files, &[("helm", script), ("kustomize", build), ("kubectl", "exit 1")]);
    let secrets = [
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "CI_JOB_TOKEN",
        "HTTPS_PROXY",
        "https_proxy",
        "SSH_AUTH_SOCK",
        "GIT_SSH_COMMAND",
        "GIT_CONFIG_COUNT",
        "KUBERNETES_SERVICE_HOST",
        "HELM_KUBETOKEN",
        "HELM_DEBUG",
        "PULLCHECK_ANYTHING",
        "LD_PRELOAD_",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "KUBECONFIG",
        "HELM_PLUGINS",
        "DOCKER_CONFIG",
        "KUSTOMIZE_PLUGIN_HOME",
        "GIT_ASKPASS",
        "XDG_CONFIG_HOME",
    ];
    let run = secrets.iter().fold(stage.run(), |run, name| run.env(name, "hunter2-hunter2"));
    let run = run.env("PATH", format!("bin:{}", stage.path()));
    let run = run.args(["--values", "values, mine.yaml", "--set", "a=b,c=d", "-n", "team", "--allow-empty", "."]);
    run.output().assert_status(0);
    let expected = "template\nshop\n./-shop\n--kube-version=1.37.0\n--namespace=team\n\
                    --values=\"./values, mine.yaml\"\n--set=a=b,c=d\n";
    assert_eq!(stage.written("helm", "args"), expected);
    let args = stage.written("kustomize", "args");
    let args: Vec<&str> = args.lines().collect();
    assert!(args.len() == 2 && args[0] == "build" && args[1].starts_with('/'), "{args:?}");
    assert!(!Path::new(args[1]).exists(), "the wrapper goes away");
    let wrapper: Value = serde_json::from_str(&stage.written("kustomize", "wrapper")).unwrap();
    assert_eq!(wrapper.as_object().unwrap().len(), 2, "{wrapper}");
    for tool in ["helm", "kustomize"] {
        let environment = stage.written(tool, "env");
        assert!(!environment.contains("hunter2"), "{environment}");
        let home = environment.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
        assert!(environment.lines().any(|line| line == "GIT_TERMINAL_PROMPT=0"), "{environment}");
        assert!(environment.contains(&format!("PATH={}\n", stage.path())), "{environment}");
        for name in ["KUBECONFIG", "HELM_PLUGINS", "DOCKER_CONFIG", "KUSTOMIZE_PLUGIN_HOME", "XDG_CONFIG_HOME"] {
            assert!(environment.contains(&format!("{name}={home}")), "{name} in\n{environment}");
        }
    }
}

#[test]
fn failed_render_quotes_the_error_and_reads_the_files() {
    let long = "x".repeat(3000);
    let script = format!(
        "echo 'Error: the password hunter2-hunter2 of' >&2; printf '  \\033[31mline two\\n{long}\\nthe end\\n' >&2; exit 3"
    );
    let stage = Stage::chart(&script);
    let config = r#"{"auths": {"ghcr.io": {"username": "bob", "password": "hunter2-hunter2"}}}"#;
    let run = || stage.run().env("PULLCHECK_DOCKERCONFIGJSON", config);
    let report = run().args(["--format", "json", "."]).output().assert_status(1);
    assert!(!report.to_string().contains("hunter2"), "{report}");
    let report = json(&report);
    let read = images(&report).into_iter().map(|(file, _)| file).collect::<Vec<_>>();
    assert_eq!(read, ["b.yaml", "shop/templates/a.yaml"]);
    let finding = &report["findings"][0];
    let at = |name: &str| finding[name].clone();
    assert_eq!(
        (at("rule"), at("severity"), at("file"), at("line")),
        ("render-failed".into(), "error".into(), "shop/Chart.yaml".into(), 1.into())
    );
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("\n  \u{1b}[31mline two\n") && message.ends_with("x\nthe end"), "{message}");
    for format in ["human", "plain", "github", "markdown", "junit", "sarif", "gitlab"] {
        let output = run().args(["--format", format, "."]).output().assert_status(1);
        let output = output.assert_stdout_has("render-failed").assert_stderr_has("the end");
        assert!(!output.to_string().contains("hunter2"), "{output}");
        assert!(!output.to_string().contains('\u{1b}'), "{output}");
    }
}

#[test]
fn unexplained_failure_and_non_utf8_output_are_reported() {
    let output = Stage::chart("exit 7").run().arg(".").output().assert_status(1);
    output.assert_stdout_has("it failed (exit status: 7) without an error message");
    let output = Stage::chart("printf '\\377'").run().arg(".").output().assert_status(1);
    output.assert_stdout_has("its output is not UTF-8");
}

#[test]
fn invalid_rendered_yaml_is_an_error() {
    let stage = Stage::chart("echo 'a: [ {{ b }'");
    let report = json(&stage.run().args(["--format", "json", "."]).output().assert_status(1));
    let finding = &report["findings"][0];
    assert_eq!((&finding["rule"], &finding["file"]), (&"invalid-yaml".into(), &"shop/Chart.yaml".into()));
}

#[test]
fn kustomization_that_fails_in_its_wrapper_is_built_directly() {
    let files = [("prod/kustomization.yaml", "resources: [a.yaml]"), ("prod/a.yaml", &pod("raw", "docker.io/a/raw:1"))];
    let made = pod("made", "docker.io/a/made:1");
    let script = format!("[ \"$1 $2\" = 'kustomize ./prod' ] || exit 1\ncat <<'END'\n{made}END\n");
    let stage = Stage::new(&files, &[("kubectl", &script)]);
    let path = format!("{}:{}", stage.tools.path().display(), tools_of_a_shell(&stage));
    let report = json(&stage.run().env("PATH", path).args(["--format", "json", "."]).output().assert_status(0));
    assert_eq!(images(&report), [("prod/kustomization.yaml".to_owned(), "docker.io/a/made:1".to_owned())]);
}

/// A folder with `cat` and nothing that renders.
fn tools_of_a_shell(stage: &Stage) -> String {
    let folder = stage.tools.path().join("shell");
    fs::create_dir_all(&folder).unwrap();
    let _ = symlink("/bin/cat", folder.join("cat"));
    folder.display().to_string()
}

#[test]
fn rendered_images_are_listed_in_folder_order() {
    let charts = ["a", "b", "c", "d"].map(|name| (format!("{name}/Chart.yaml"), "name: x"));
    let charts: Vec<_> = charts.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    // The first is ready last, where there is more than one at a time.
    let script = "touch \"$0.$2\"; n=0; while [ $2 = a ] && [ ! -e \"$0.b\" ] && [ $n -lt 200 ]; do n=$((n+1)); sleep \
                  0.01; done\necho \"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, \
                  image: docker.io/a/$2:1}]}}\"";
    let stage = Stage::new(&charts, &[("helm", script)]);
    let report = json(&stage.run().args(["--format", "json", "."]).output().assert_status(0));
    let images: Vec<_> = images(&report).into_iter().map(|(_, image)| image).collect();
    assert_eq!(images, ["a", "b", "c", "d"].map(|name| format!("docker.io/a/{name}:1")));
}

#[test]
fn finding_points_at_kustomization_entry_that_set_the_tag() {
    let base = pod("web", "docker.io/a/web:1");
    let made = base.replace("web:1", "web:latest");
    let entry = "resources: [../base]\nimages:\n- name: docker.io/a/web\n  newTag: latest\n";
    let files = [
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("base/a.yaml", base.as_str()),
        ("prod/kustomization.yaml", entry),
        // Another one's, of the same base.
        ("dev/kustomization.yaml", entry),
    ];
    let script = format!("cat <<'END'\n# Source: base/a.yaml\n{made}END\n");
    let stage = Stage::new(&files, &[("kustomize", &script)]);
    let report = json(&stage.run().args(["--format", "json", "."]).output());
    let findings: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "mutable-tag").collect();
    assert_eq!(findings.len(), 2, "{report}");
    for (finding, file) in findings.iter().zip(["dev/kustomization.yaml", "prod/kustomization.yaml"]) {
        assert_eq!(finding["file"], "base/a.yaml");
        let related = &finding["related"][0];
        assert_eq!((&related["file"], &related["line"]), (&file.into(), &4.into()), "{related}");
        assert_eq!(related["message"], "the tag comes from here: images[0].newTag");
    }
}

#[test]
fn missing_render_tool_is_a_usage_error() {
    let chart = Stage::chart("");
    let run = |stage: &Stage, path: &str| stage.run().env("PATH", path).arg(".").output().assert_status(2);
    let output = run(&chart, "/nowhere").assert_stderr_has("cannot render the chart in shop");
    output.assert_stderr_has("no `helm`; install it");
    // What the repository brings is not run.
    let tools = fs::read_link(chart.tools.path().join("helm")).unwrap();
    symlink(tools, chart.folder.path().join("helm")).unwrap();
    run(&chart, ":.").assert_stderr_has("no `helm`");
    let files = [("prod/kustomization.yaml", "resources: []"), ("dev/kustomization.yaml", "resources: []")];
    let output = run(&Stage::new(&files, &[]), "/nowhere");
    output
        .assert_stderr_has("the kustomization in dev and 1 more")
        .assert_stderr_has("no `kustomize` and no `kubectl`");
}

#[test]
fn invalid_render_options_are_usage_errors() {
    let stage = Stage::chart("exit 1");
    let pullcheck = || Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(stage.folder.path()).env("PATH", stage.path());
    for option in ["--values=b.yaml", "--set=a=b", "--release-name=a", "--fetch-charts"] {
        pullcheck().arg(option).output().assert_status(2).assert_stderr_has("--render");
    }
    for (option, words) in [
        ("--values=absent.yaml", "--values absent.yaml: No such file"),
        ("--values=https://example.com/a.yaml", "No such file"),
        ("--values=shop", "--values shop: it is not a regular file"),
        ("--release-name=--post-renderer", "--release-name --post-renderer: Helm accepts"),
        ("--chart-hosts=ghcr.io", "--fetch-charts"),
        ("--chart-hosts=https://ghcr.io", "\"https://ghcr.io\" is not a host"),
    ] {
        pullcheck().args(["--render", option]).output().assert_status(2).assert_stderr_has(words);
    }
    let offline = ["--render", "--fetch-charts", "--offline"];
    let words = "--fetch-charts cannot be used with --offline: charts are fetched over the network";
    pullcheck().args(offline).output().assert_status(2).assert_stderr_has(words);
    let empty = Stage::new(&[("b.yaml", &pod("a", "docker.io/a/a:1"))], &[]);
    empty.run().output().assert_status(0).assert_stderr_has("the inputs contain no chart and no kustomization");
}

#[test]
fn excluded_and_library_charts_are_not_rendered() {
    let stage = Stage::chart("touch \"$0.called\"; exit 1");
    stage.run().args(["--exclude", "shop", "."]).output().assert_status(0);
    fs::write(stage.folder.path().join("shop/Chart.yaml"), "name: shop\ntype: library\n").unwrap();
    stage.run().arg(".").output().assert_status(0);
    assert!(!stage.tools.path().join("helm.called").exists());
}

#[test]
fn passwords_in_rendered_manifests_are_redacted() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull}\ntype: kubernetes.io/dockerconfigjson\nstringData: \
                  {.dockerconfigjson: '{\"auths\": {\"ghcr.io\": {\"username\": \"bob\", \"password\": \
                  \"hunter2-hunter2\"}, \"bad host \": {\"password\": \"hunter2-hunter2\"}}}'}\n";
    let image = pod("a", "ghcr.io/a/hunter2-hunter2:1");
    let stage = Stage::chart(&format!("cat <<'END'\n{secret}---\n{image}END\n"));
    for format in ["human", "json", "plain", "sarif"] {
        let output = stage.run().args(["--format", format, "."]).output();
        assert!(!output.to_string().contains("hunter2"), "{output}");
        // What Helm made lies in no repository; SARIF lists all rules.
        assert!(format == "sarif" || !output.stdout.contains("committed-credentials"), "{output}");
    }
}
