#!/usr/bin/env bash
# Question: one of two mirrors in hosts.toml has a misspelled capability. What is used?
# The usual guess: an error, or at least the other mirror.
# Version: github.com/containerd/containerd v1.7.35 and github.com/containerd/containerd/v2 v2.4.2
# Behavior: no error, and no mirror. The whole file is dropped with a line in the log, also
# the server line, and the registry itself is asked. An unknown key is ignored instead.
# Output seen:
#   containerd v1.7.35
#     good: a.example.com|/v2 b.example.com|/v2 up.example.com|/v2
#     capability pulls: reg.example.com|/v2
#     key capability: a.example.com|/v2 b.example.com|/v2 up.example.com|/v2
#   containerd v2.4.2
#     good: a.example.com|/v2 b.example.com|/v2 up.example.com|/v2
#     capability pulls: reg.example.com|/v2
#     key capability: a.example.com|/v2 b.example.com|/v2 up.example.com|/v2
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
		{"good", "server = \"https://up.example.com\"\n[host.\"https://a.example.com\"]\ncapabilities = [\"pull\", \"resolve\"]\n[host.\"https://b.example.com\"]\n"},
		{"capability pulls", "server = \"https://up.example.com\"\n[host.\"https://a.example.com\"]\ncapabilities = [\"pulls\", \"resolve\"]\n[host.\"https://b.example.com\"]\n"},
		{"key capability", "server = \"https://up.example.com\"\n[host.\"https://a.example.com\"]\ncapability = [\"pulls\"]\n[host.\"https://b.example.com\"]\n"},
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
