#!/usr/bin/env bash
# Question: TOML has many ways to write one table. Does containerd see the mirror in each?
# The usual guess: yes, they are the same data.
# Version: github.com/containerd/containerd v1.7.35 and github.com/containerd/containerd/v2 v2.4.2
# Behavior: 2.4 takes the order of the mirrors from the [host."..."] headings, and takes only
# those as mirrors. An inline table or a dotted key is read and then ignored. 1.7 sees all.
# 2.4 skips a heading of a subtable only if it stands right below its host: with another host
# in between, the first mirror is listed twice. No form gives an error.
# Output seen:
#   containerd v1.7.35
#     heading: a.example.com|/v2 reg.example.com|/v2
#     below [host]: a.example.com|/v2 reg.example.com|/v2
#     dotted key: a.example.com|/v2 reg.example.com|/v2
#     two: a.example.com|/v2 b.example.com|/v2 reg.example.com|/v2
#     two, header last: a.example.com|/v2 b.example.com|/v2 reg.example.com|/v2
#   containerd v2.4.2
#     heading: a.example.com|/v2 reg.example.com|/v2
#     below [host]: reg.example.com|/v2
#     dotted key: reg.example.com|/v2
#     two: a.example.com|/v2 b.example.com|/v2 reg.example.com|/v2
#     two, header last: a.example.com|/v2 b.example.com|/v2 a.example.com|/v2 reg.example.com|/v2
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
		{"heading", "[host.\"https://a.example.com\"]\nskip_verify = true\n"},
		{"below [host]", "[host]\n\"https://a.example.com\" = { skip_verify = true }\n"},
		{"dotted key", "host.\"https://a.example.com\".skip_verify = true\n"},
		{"two", "[host.\"https://a.example.com\"]\n[host.\"https://a.example.com\".header]\nx-a = \"1\"\n[host.\"https://b.example.com\"]\n"},
		{"two, header last", "[host.\"https://a.example.com\"]\n[host.\"https://b.example.com\"]\n[host.\"https://a.example.com\".header]\nx-a = \"1\"\n"},
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
