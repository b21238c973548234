//! Manifests and configurations that hold the password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pullcheck_support::Registry;

use super::registry::TAGS;

type Files = Vec<(String, String)>;

/// `{"auths": {HOST: {"auth": …}}}`.
pub(super) fn config(host: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("robot:{password}"));
    serde_json::json!({"auths": {host: {"auth": auth}}}).to_string()
}

/// The same in other shapes that the kubelet takes.
fn configs(host: &str, password: &str) -> Vec<(&'static str, String)> {
    let plain = serde_json::json!({"auths": {host: {"username": "robot", "password": password}}});
    let by_user = format!("https://robot:{}@{host}/v2/", percent(password));
    vec![
        ("auth", config(host, password)),
        ("plain", plain.to_string()),
        ("pretty", format!("{plain:#}")),
        (
            "user-info",
            serde_json::json!({"auths": {by_user: {"username": "robot", "password": "other-Passw0rd"}}}).to_string(),
        ),
        ("raw-user-info", serde_json::json!({"auths": {format!("robot:{password}@{host}"): {}}}).to_string()),
    ]
}

/// Configurations that somebody refuses: the API server, the kubelet, base64.
pub(super) fn bad_configs(password: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(password).to_string();
    let auth = STANDARD.encode(format!("robot:{password}"));
    vec![
        format!(r#"{{"auths":{{"ghcr.io":{{"password":{quoted}"#),
        format!(r#"{{"auths":{{"ghcr.io":{{"password":{quoted} {quoted}}}}}}}"#),
        format!(r#"{{"auths":{{"ghcr.io":{{"username":1,"password":{quoted}}}}}}}"#),
        format!(r#"{{"auths":{{"ghcr.io":{{"auth":{quoted}}}}}}}"#),
        format!(r#"{{"auths":{{"ghcr.io":{{"auth":"robot:{}"}}}}}}"#, percent(password)),
        format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{}"}}}}}}"#, STANDARD.encode(password)),
        format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}!"}}}}}}"#),
        format!(r#"{{"auths":[{quoted}]}}"#),
        format!(r#"{{"auths":{{"ghcr.io":{quoted}}}}}"#),
        format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}} {quoted}"#),
        format!("robot:{password}"),
        STANDARD.encode(password),
        format!("{}!", STANDARD.encode(config("ghcr.io", password))),
    ]
}

/// Secrets of every shape with their pods, one file each.
pub(super) fn secrets(password: &str, host: &str) -> Files {
    let mut files = Files::new();
    let mut add = |name: &str, text: String| files.push((format!("{name}.yaml"), text));
    let whole = config(host, password);
    add("right-data", with_pod("right-data", DATA, &data(&whole), host));
    add("wrong-type", with_pod("wrong-type", "Opaque", &data(&whole), host));
    add("no-type", with_pod("no-type", "\"\"", &data(&whole), host));
    add("legacy", with_pod("legacy", "kubernetes.io/dockercfg", &string_data(".dockercfg", &whole), host));
    add("wrong-key", with_pod("wrong-key", DATA, &string_data("config.json", &whole), host));
    add("line-broken", with_pod("line-broken", DATA, &wrapped(&whole), host));
    for (name, text) in configs(host, password) {
        add(&format!("data-{name}"), with_pod(&format!("data-{name}"), DATA, &data(&text), host));
        let string = string_data(".dockerconfigjson", &text);
        add(&format!("string-{name}"), with_pod(&format!("string-{name}"), DATA, &string, host));
        let block = block(&text);
        add(&format!("block-{name}"), with_pod(&format!("block-{name}"), DATA, &block, host));
    }
    for (at, text) in bad_configs(password).iter().enumerate() {
        let (name, other) = (format!("bad-data-{at}"), format!("bad-string-{at}"));
        add(&name, with_pod(&name, DATA, &data(text), host));
        add(&other, with_pod(&other, DATA, &string_data(".dockerconfigjson", text), host));
        add(
            &format!("raw-{at}"),
            with_pod(&format!("raw-{at}"), DATA, &format!("data:\n  .dockerconfigjson: {}\n", quoted(text)), host),
        );
    }
    add(
        "applied",
        with_pod("applied", DATA, &format!("{}{}", data(&whole), ""), host).replacen(
            "metadata:\n",
            &applied(&whole),
            1,
        ),
    );
    add("basic-auth", with_pod("basic-auth", "kubernetes.io/basic-auth", &string_data("password", password), host));
    add(
        "nested",
        with_pod(
            "nested",
            DATA,
            &format!("stringData:\n  .dockerconfigjson: {{auths: {{a: {}}}}}\n", quoted(password)),
            host,
        ),
    );
    add("known", format!("{}---\n{}", with_pod("known", DATA, &data(&whole), host), neighbours(password)));
    for (name, text) in broken(&whole, password, host) {
        add(name, text);
    }
    files
}

/// A pod that shows the password of a Secret in clear, next to a line that a report shows.
fn neighbours(password: &str) -> String {
    let auth = STANDARD.encode(format!("robot:{password}"));
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: neighbours}}\nspec:\n  containers:\n  - name: c\n    env: [{{name: \
         PASSWORD, value: {}}}]\n    image: nginx\n    args: [--auth={auth}]\n",
        quoted(password)
    )
}

const DATA: &str = "kubernetes.io/dockerconfigjson";

/// Documents that cannot be parsed, with a Secret in them.
fn broken(whole: &str, password: &str, host: &str) -> Vec<(&'static str, String)> {
    let good = with_pod("broken", DATA, &data(whole), host);
    let secret = format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: broken\ntype: {DATA}\n");
    let json = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "broken"}, "type": DATA,
        "stringData": {".dockerconfigjson": whole, "password": password}});
    let pretty = format!("{json:#}");
    let plain = serde_json::json!({"auths": {host: {"username": "robot", "password": password}}}).to_string();
    vec![
        ("broken-before", format!("{secret}x: [\n{}", data(whole))),
        ("broken-after", format!("{secret}{}x: [\n", data(whole))),
        ("broken-within", format!("{secret}stringData:\n  .dockerconfigjson: \"{whole}\"\n")),
        ("broken-indent", format!("{secret}stringData:\n  .dockerconfigjson: |\n{plain}\n")),
        ("broken-tab", format!("{secret}stringData:\n\t.dockerconfigjson: '{plain}'\n")),
        ("broken-flow", format!("{{apiVersion: v1, kind: Secret, stringData: {{.dockerconfigjson: '{plain}'}}\n")),
        ("broken-key", format!("apiVersion: v1\n\"kind\": Secret\nstringData: {{password: {}\n", quoted(password))),
        (
            "broken-list",
            format!(
                "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  stringData:\n    password: {}\n   x: y\n",
                quoted(password)
            ),
        ),
        ("broken-json", format!("{},", pretty.trim_end_matches('}'))),
        ("broken-json-line", json.to_string().replace("\"type\"", "type\"")),
        ("broken-template", good.replace("metadata:", "{{ include \"x\" . }}\nmetadata:")),
        ("broken-twice", format!("{good}---\n{secret}{}: :\n", data(whole))),
    ]
}

/// Pods whose secret opens, or is refused by, an echoing registry.
pub(super) fn pods_for(server: &Registry, password: &str) -> Files {
    let host = server.host();
    let mut files = pods_without_secret(server);
    let secret = with_pod("regcred", DATA, &data(&config(&host, password)), &host);
    let legacy = with_pod("legacy", "kubernetes.io/dockercfg", &format!("data:\n  .dockercfg: {}\n", STANDARD.encode(serde_json::json!({format!("http://robot:{}@{host}", percent(password)): {"username": "robot", "password": password}}).to_string())), &host);
    files.push(("secrets.yaml".to_owned(), format!("{secret}---\n{legacy}")));
    files
}

/// Pods of one secret that is not among the inputs, for every tag of the echoing registry.
pub(super) fn pods_without_secret(server: &Registry) -> Files {
    let pod = |tag: &&str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {tag}}}\nspec:\n  imagePullSecrets: [{{name: regcred}}]\n  \
             containers:\n  - name: c\n    image: {}/{tag}/app:{tag}\n",
            server.host()
        )
    };
    vec![("pods.yaml".to_owned(), TAGS.iter().map(pod).collect::<Vec<_>>().join("---\n"))]
}

fn with_pod(name: &str, kind: &str, data: &str, host: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ntype: {kind}\n{data}---\napiVersion: v1\nkind: Pod\n\
         metadata: {{name: {name}}}\nspec:\n  imagePullSecrets: [{{name: {name}}}]\n  containers:\n  - name: c\n    \
         image: {host}/acme/{name}:1\n  - name: d\n    image: nginx\n"
    )
}

fn data(text: &str) -> String {
    format!("data:\n  .dockerconfigjson: {}\n", STANDARD.encode(text))
}

fn string_data(key: &str, text: &str) -> String {
    format!("stringData:\n  {key}: {}\n", quoted(text))
}

/// As a folded scalar of many lines.
fn wrapped(text: &str) -> String {
    let encoded = STANDARD.encode(text);
    let lines: Vec<String> =
        encoded.as_bytes().chunks(17).map(|l| format!("    {}\n", String::from_utf8_lossy(l))).collect();
    format!("data:\n  .dockerconfigjson: |\n{}", lines.concat())
}

/// As a literal scalar.
fn block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}\n")).collect();
    format!("stringData:\n  .dockerconfigjson: |\n{}", lines.concat())
}

/// The annotation that `kubectl apply` leaves, and the head of `metadata` around it.
fn applied(whole: &str) -> String {
    let object = serde_json::json!({"kind": "Secret", "data": {".dockerconfigjson": STANDARD.encode(whole)}, "stringData": {"x": whole}});
    let text = serde_json::Value::from(object.to_string()).to_string();
    format!("metadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: {text}\n")
}

/// A double-quoted scalar: JSON is YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
