# What the scripts of this folder share. To be sourced, by Bash.
set -euo pipefail
shopt -s inherit_errexit

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ground=$(mktemp -d)
registry_process=
leave() {
    if [[ -n $registry_process ]]; then kill "$registry_process" 2>/dev/null || true; fi
    rm -rf -- "$ground"
}
trap leave EXIT

fault() { printf 'FAULT: %s\n' "$*" >&2; exit 1; }

# Runs a command that has to end with a status, shows what it prints, and leaves that in $printed.
expect() {
    local wanted=$1 status=0
    shift
    printf '\n$ %s\n' "${*//"$ground"/…}"
    printed=$("$@" 2>&1) || status=$?
    printf '%s\n' "${printed//"$ground"/…}"
    [[ $status == "$wanted" ]] || fault "it ended with $status, not with $wanted"
}

has() { [[ $printed == *"$1"* ]] || fault "it does not say: $1"; }
lacks() { [[ $printed != *"$1"* ]] || fault "it says: $1"; }

# A registry server on loopback, with one image in it, shop/web:1.0.0. Its address is in $registry then. With a
# certificate and its key it speaks TLS.
start_registry() {
    local certificate=${1-} key=${2-} home=$ground/registry line log
    mkdir -p "$home"
    {
        printf 'version: 0.1\nstorage: {inmemory: {}}\nhttp:\n  addr: 127.0.0.1:0\n  secret: not-a-real-secret\n'
        if [[ -n $certificate ]]; then printf '  tls: {certificate: %s, key: %s}\n' "$certificate" "$key"; fi
    } >"$home/config.yml"
    mkfifo "$home/log"
    docker-registry serve "$home/config.yml" >"$home/log" 2>&1 &
    registry_process=$!
    exec {log}<"$home/log"
    registry=
    while [[ -z $registry ]] && IFS= read -r -t 30 line <&"$log"; do
        if [[ $line =~ 'listening on '(127\.0\.0\.1:[0-9]+) ]]; then registry=${BASH_REMATCH[1]}; fi
    done
    [[ -n $registry ]] || fault "docker-registry does not start"
    # A pipe that is full would stop it.
    cat <&"$log" >/dev/null &
    push_image "$certificate"
}

# The least that a registry takes for an image.
push_image() {
    python3 - "$registry" "$1" <<'PYTHON'
import hashlib, json, ssl, sys, urllib.request

registry, certificate = sys.argv[1:]
scheme = "https" if certificate else "http"
context = ssl._create_unverified_context() if certificate else None

def send(method, url, body, kind):
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=context)] if context else [])
    )
    return opener.open(request, timeout=30)

def descriptor(kind):
    upload = send("POST", f"{scheme}://{registry}/v2/shop/web/blobs/uploads/", b"", "text/plain").headers["Location"]
    body = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    join = "&" if "?" in upload else "?"
    send("PUT", f"{upload}{join}digest={digest}", body, "application/octet-stream")
    return {"mediaType": kind, "digest": digest, "size": len(body)}

kind = "application/vnd.docker.distribution.manifest.v2+json"
manifest = {
    "schemaVersion": 2,
    "mediaType": kind,
    "config": descriptor("application/vnd.docker.container.image.v1+json"),
    "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip")],
}
send("PUT", f"{scheme}://{registry}/v2/shop/web/manifests/1.0.0", json.dumps(manifest).encode(), kind)
PYTHON
}

# pod IMAGE: a pod with it.
pod() {
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n    - name: web\n      image: %s\n' "$1"
}
