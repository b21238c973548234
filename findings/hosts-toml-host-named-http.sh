#!/usr/bin/env bash
# Question: a host in hosts.toml may be given without a scheme. Does that hold for any name?
# The usual guess: yes, https:// is put in front.
# Version: github.com/containerd/containerd v1.7.35 and github.com/containerd/containerd/v2 v2.4.2
# Behavior: not if the name starts with "http", as http-cache.example.com does. Then it is
# taken for a URL as it stands, has no host, and the name ends up as a path. As the server
# it falls back to the registry itself. As a mirror it is a host without a name.
# Output seen:
#   containerd v1.7.35
#     server cache.example.com: cache.example.com|/v2
#     server http-cache.example.com: reg.example.com|/v2
#     mirror cache.example.com: cache.example.com|/v2 reg.example.com|/v2
#     mirror http-cache.example.com: |http-cache.example.com/v2 reg.example.com|/v2
#   containerd v2.4.2
#     server cache.example.com: cache.example.com|/v2
#     server http-cache.example.com: reg.example.com|/v2
#     mirror cache.example.com: cache.example.com|/v2 reg.example.com|/v2
#     mirror http-cache.example.com: |http-cache.example.com/v2 reg.example.com|/v2
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >main.go.in <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"REMOTES/docker/config"
)

func main() {
	for _, c := range []struct{ name, text string }{
		{"server cache.example.com", "server = \"cache.example.com\"\n"},
		{"server http-cache.example.com", "server = \"http-cache.example.com\"\n"},
		{"mirror cache.example.com", "[host.\"cache.example.com\"]\n"},
		{"mirror http-cache.example.com", "[host.\"http-cache.example.com\"]\n"},
	} {
		root, err := os.MkdirTemp(".", "certs")
		if err != nil {
			panic(err)
		}
		dir := filepath.Join(root, "reg.example.com")
		os.Mkdir(dir, 0o755)
		os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(c.text), 0o644)
		hosts, err := config.ConfigureHosts(context.Background(), config.HostOptions{
			HostDir: config.HostDirFromRoot(root),
		})("reg.example.com")
		fmt.Printf("  %s:", c.name)
		for _, h := range hosts {
			fmt.Printf(" %s|%s", h.Host, h.Path)
		}
		if err != nil {
			fmt.Printf(" error %v", err)
		}
		fmt.Println()
	}
}
EOF
for v in "v1.7.35 containerd/containerd containerd/containerd/remotes" "v2.4.2 containerd/containerd/v2 containerd/containerd/v2/core/remotes"; do
	set -- $v
	mkdir "$1"
	printf 'module finding\n\ngo 1.26\n\nrequire github.com/%s %s\n' "$2" "$1" >"$1/go.mod"
	sed -e "s#REMOTES#github.com/$3#" main.go.in >"$1/main.go"
	echo "containerd $1"
	(cd "$1" && GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null)
done >got
cat got
diff -u want got
