//! The same with Helm and kustomize themselves, where they are installed.

use std::env;
use std::path::Path;

use pullcheck::input::gather;
use pullcheck::input::load::{self, WalkOptions};
use pullcheck::input::render::RenderOptions;
use pullcheck::inventory::ReadOptions;
use pullcheck::registry::Interrupter;
use pullcheck_support::{Run, renderer};

use super::{Stage, images, json, pod};

fn pullcheck() -> Run {
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(env!("CARGO_MANIFEST_DIR"));
    run.args(["--offline", "--render", "--format", "json"])
}

fn listed(run: Run) -> Vec<(String, String)> {
    images(&json(&run.output().assert_status(0)))
}

fn values(listed: &[(String, String)]) -> Vec<&str> {
    listed.iter().map(|(_, image)| image.as_str()).collect()
}

#[test]
fn chart_is_rendered_as_helm_deploys_it() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let found = listed(pullcheck().arg("testdata/charts"));
    let expected = [
        "docker.io/library/redis:7.4.2",
        "ghcr.io/acme/shop:1.9.2",
        "docker.io/envoyproxy/envoy:v1.34.1",
        "quay.io/prometheus/nginx-exporter:latest",
        "ghcr.io/acme/shop-migrations:1.9.2",
        "docker.io/library/busybox:1.37.0",
    ];
    assert_eq!(values(&found), expected);
    assert!(found.iter().all(|(file, _)| file.starts_with("testdata/charts/shop/")), "{found:?}");
}

#[test]
fn values_and_release_name_reach_helm() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let stage = Stage::new(&[("mine.yaml", "image: {tag: 2.0.0}\nproxy: {enabled: false}\n")], &[]);
    let run = pullcheck().arg("--values").arg(stage.folder.path().join("mine.yaml"));
    let run = run.args(["--set", "mq.enabled=true,image.tag=2.0.1", "--release-name", "blue", "testdata/charts/shop"]);
    let report = json(&run.output().assert_status(0));
    let found = images(&report);
    let found = values(&found);
    assert!(found.contains(&"ghcr.io/acme/shop:2.0.1"), "{found:?}");
    assert!(found.contains(&"docker.io/library/rabbitmq:4.1.0"), "{found:?}");
    assert!(!found.iter().any(|image| image.contains("envoy")), "{found:?}");
    assert!(report.to_string().contains("\"blue-shop\""), "{report}");
}

#[test]
fn resource_in_the_current_folder_keeps_its_line() {
    if renderer(&["kustomize", "kubectl"]).is_none() {
        return;
    }
    let kustomization = ("kustomization.yaml", "resources: [pod.yaml]\nnamePrefix: x-\n");
    let pod = (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: c, image: 'nginx:1'}\n",
    );
    let stage = Stage::new(&[kustomization, pod], &[]);
    for path in [".".to_owned(), stage.folder.path().display().to_string()] {
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(stage.folder.path());
        let report = json(&run.args(["--offline", "--render", "--format", "json", &path]).output().assert_status(0));
        let image = &report["images"][0];
        assert!(image["file"].as_str().is_some_and(|file| file.ends_with("pod.yaml")), "{path}: {image}");
        assert_eq!((&image["line"], &image["resource"]["name"]), (&6.into(), &"x-p".into()), "{path}");
    }
}

#[test]
fn overlay_is_rendered_as_kustomize_builds_it() {
    if renderer(&["kustomize", "kubectl"]).is_none() {
        return;
    }
    let found = listed(pullcheck().arg("testdata/kustomize"));
    let expected = [
        "ghcr.io/acme/cleanup:2.1",
        "ghcr.io/acme/cleanup:2.1",
        "ghcr.io/acme/api:main",
        "ghcr.io/acme/api:1.9",
        "docker.io/envoyproxy/envoy:v1.34.1",
        "docker.io/envoyproxy/envoy:v1.34.1",
        "ghcr.io/acme/worker:1.9",
    ];
    assert_eq!(values(&found), expected);
    assert!(found.iter().all(|(file, _)| file.starts_with("testdata/kustomize/")), "{found:?}");
}

#[test]
fn rendered_object_names_its_source_file() {
    if renderer(&["kustomize", "kubectl"]).is_none() {
        return;
    }
    let (inputs, errors) = load::inputs(&["testdata/kustomize".to_owned()], &WalkOptions::default()).unwrap();
    let options = RenderOptions { path: env::var_os("PATH").unwrap(), ..RenderOptions::default() };
    let read = ReadOptions::default();
    let gathered =
        gather::gather_rendered(&inputs, errors, read, &options, &Interrupter::default()).unwrap().unwrap().0;
    let rendered = gathered.sources.iter().find(|(_, source)| source.name().contains("prod (")).unwrap().1.text();
    let sources: Vec<_> = rendered.lines().filter_map(|line| line.strip_prefix("# Source: ")).collect();
    let expected = ["overlays/prod/kustomization.yaml", "base/deployment.yaml", "overlays/prod/worker.yaml"];
    assert_eq!(sources[..3], expected.map(|file| format!("testdata/kustomize/{file}")), "{rendered}");
    assert!(!rendered.contains("config.kubernetes.io/origin"), "{rendered}");
    assert!(rendered.matches("\n---\n# Source: ").count() == 3, "{rendered}");
}

#[test]
fn missing_chart_dependency_is_not_fetched() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let chart = "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n  - name: redis\n    version: 1.0.0\n    \
                 repository: https://localhost:1/charts\n";
    let stage = Stage::new(&[("Chart.yaml", chart), ("templates/a.yaml", &pod("a", "docker.io/a/a:1"))], &[]);
    let output = stage.run().env("PATH", env::var_os("PATH").unwrap()).arg(".").output().assert_status(1);
    let output = output.assert_stdout_has("found in Chart.yaml, but missing in charts/ directory: redis");
    output.assert_stdout_has("helm dependency build").assert_stdout_has("Chart.yaml:1:1");
    assert!(!Path::new(stage.folder.path()).join("charts").exists());
}

#[test]
fn helm_charts_outside_files_and_plugins_stay_disabled() {
    if renderer(&["kustomize", "kubectl"]).is_none() {
        return;
    }
    let helm = "helmCharts: [{name: shop, repo: 'https://localhost:1'}]\n";
    let outside = "resources: [../outside.yaml]\n";
    let plugin = "generators: [plugin.yaml]\n";
    let exec = "apiVersion: v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      \
                exec: {path: ./run.sh}\n";
    let run = "#!/bin/sh\ntouch ran\n";
    for (kustomization, words) in [(helm, "--enable-helm"), (outside, "is not in or below"), (plugin, "plugin")] {
        let files = [
            ("a/kustomization.yaml", kustomization),
            ("outside.yaml", &pod("a", "docker.io/a/a:1")),
            ("a/plugin.yaml", exec),
            ("a/run.sh", run),
        ];
        let stage = Stage::new(&files, &[]);
        let output = stage.run().env("PATH", env::var_os("PATH").unwrap()).arg(".").output().assert_status(1);
        output.assert_stdout_has("render-failed").assert_stdout_has(words);
        assert!(!stage.folder.path().join("a/ran").exists() && !stage.folder.path().join("ran").exists());
    }
}
