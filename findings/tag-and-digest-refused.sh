#!/usr/bin/env bash
# Question: does CRI-O's library take a name with a tag and a digest, app:1.0@sha256:...?
# The usual guess: yes, the kubelet and containerd do, and it is common in manifests.
# Version: go.podman.io/image/v5 v5.42.1, docker and docker/reference
# Behavior: its parser of names takes it, its registry client refuses it. Whoever uses the
# library has to drop the tag first.
# Output seen:
#   reg.example.com/app:1.0
#     name: <nil>
#     client: <nil>
#   reg.example.com/app@sha256:...
#     name: <nil>
#     client: <nil>
#   reg.example.com/app:1.0@sha256:...
#     name: <nil>
#     client: Docker references with both a tag and digest are currently not supported
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26

require (
	go.podman.io/image/v5 v5.42.1
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
)

func main() {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for _, s := range []string{"reg.example.com/app:1.0", "reg.example.com/app" + digest, "reg.example.com/app:1.0" + digest} {
		fmt.Println(strings.ReplaceAll(s, digest, "@sha256:..."))
		_, err := reference.ParseNormalizedNamed(s)
		fmt.Println("  name:", err)
		_, err = docker.ParseReference("//" + s)
		fmt.Println("  client:", err)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run -tags containers_image_openpgp . >got
cat got
diff -u want got
