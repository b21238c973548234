#!/usr/bin/env bash
# Runs the scenarios on a real node and tells where it does not do what was recorded. README.md says what the node has to
# be like. To be run as root on the node itself.
#
#     tests/node/run-on-node.sh authority
#     NODE=containerd-2.4.2 tests/node/run-on-node.sh kpull -endpoint unix:///run/containerd/containerd.sock
#
#     NODE        whose answers are compared: containerd-2.4.2, containerd-1.7.35, cri-o-1.36.3
#     AUTHORITY   where the authority is kept that the runtime trusts [target/node-authority]
#     CERTS_D     the runtime's config_path, which is emptied [/etc/containerd/certs.d]
#     ONLY        part of the names of the scenarios that are run [all]
#     SUITE       the program of the suite [built by cargo]
set -euo pipefail
shopt -s inherit_errexit

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
authority=${AUTHORITY:-$repository/target/node-authority}
certs_d=${CERTS_D:-/etc/containerd/certs.d}

fault() { printf '%s\n' "$*" >&2; exit 2; }

[[ $# -gt 0 ]] || fault "usage: run-on-node.sh authority | NODE=... run-on-node.sh PULLER [ARGUMENT...]"
if [[ -n ${SUITE:-} ]]; then
    suite=$SUITE
else
    suite=$(cd "$repository" && cargo test --quiet --no-run --test node --message-format json |
        sed -n 's/.*"executable":"\([^"]*\/node-[^"]*\)".*/\1/p')
    [[ -x $suite ]] || fault "cargo did not build the suite"
fi

if [[ $1 == authority ]]; then
    "$suite" authority "$authority"
    printf 'Let the runtime trust this authority, and start it anew: %s/ca.pem\n' "$authority"
    exit
fi

[[ -n ${NODE:-} ]] || fault "NODE says whose answers are compared: containerd-2.4.2, containerd-1.7.35 or cri-o-1.36.3"
command -v "$1" >/dev/null || fault "$1: there is no such program"
for name in registry mirror mirror2 auth sso; do
    getent hosts "$name.acme.test" >/dev/null || fault "$name.acme.test leads nowhere: it has to lead to this machine"
done
for name in registry-1.docker.io auth.docker.io docker.io ghcr.io; do
    [[ $(getent hosts "$name" | cut -d ' ' -f 1) == $(getent hosts registry.acme.test | cut -d ' ' -f 1) ]] ||
        fault "$name leads elsewhere: it has to lead to this machine while the scenarios run"
done
if getent hosts registry.nxdomain.test >/dev/null; then
    fault "registry.nxdomain.test leads somewhere: there must be no such name"
fi

exec "$suite" on-node "$NODE" "$authority" "$certs_d" "${ONLY:-}" "$@"
