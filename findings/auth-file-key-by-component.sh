#!/usr/bin/env bash
# Question: does CRI-O's library read the keys of a Docker config as the kubelet does?
# The usual guess: yes, it is the same file.
# Version: go.podman.io/image/v5 v5.42.1, pkg/docker/config
# Behavior: it does not. Paths are compared component by component, so ".../te" does not cover
# ".../team/app". There is no wildcard. "https://reg.example.com/v2" and any other path behind
# a scheme are cut down to the host, so a key that says a team covers the whole registry, but
# only if it begins with https://. Without a scheme, a "/" at the end makes a key useless.
# Output seen:
#   key reg.example.com/te image reg.example.com/team/app: false
#   key reg.example.com/team image reg.example.com/team/app: true
#   key reg.example.com/team/ image reg.example.com/team/app: false
#   key *.acme.test image reg.acme.test/app: false
#   key https://reg.example.com/v2 image reg.example.com/team/app: true
#   key https://reg.example.com/other image reg.example.com/team/app: true
#   key reg.example.com/other image reg.example.com/team/app: false
#   key https://index.docker.io/v1 image docker.io/library/busybox: true
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
	"encoding/json"
	"fmt"
	"os"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

func main() {
	os.WriteFile("registries.conf", nil, 0o644)
	for _, c := range []struct{ key, image string }{
		{"reg.example.com/te", "reg.example.com/team/app"},
		{"reg.example.com/team", "reg.example.com/team/app"},
		{"reg.example.com/team/", "reg.example.com/team/app"},
		{"*.acme.test", "reg.acme.test/app"},
		{"https://reg.example.com/v2", "reg.example.com/team/app"},
		{"https://reg.example.com/other", "reg.example.com/team/app"},
		{"reg.example.com/other", "reg.example.com/team/app"},
		{"https://index.docker.io/v1", "docker.io/library/busybox"},
	} {
		text, _ := json.Marshal(map[string]any{"auths": map[string]any{c.key: map[string]string{"auth": "cm9ib3Q6czE="}}})
		os.WriteFile("auth.json", text, 0o600)
		ref, err := reference.ParseNormalizedNamed(c.image)
		if err != nil {
			panic(err)
		}
		got, err := config.GetCredentialsForRef(&types.SystemContext{
			AuthFilePath: "auth.json", SystemRegistriesConfPath: "registries.conf", SystemRegistriesConfDirPath: "registries.d",
		}, ref)
		if err != nil {
			panic(err)
		}
		fmt.Printf("key %s image %s: %v\n", c.key, c.image, got.Username == "robot")
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run -tags containers_image_openpgp . >got
cat got
diff -u want got
