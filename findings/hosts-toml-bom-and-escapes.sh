#!/usr/bin/env bash
# Question: do containerd 1.7 and 2.4 read the same hosts.toml?
# The usual guess: yes, TOML is TOML, and the keys in it did not change.
# Version: github.com/containerd/containerd v1.7.35 (go-toml v1.9.5) and
# github.com/containerd/containerd/v2 v2.4.2 (go-toml v2.4.3)
# Behavior: a byte order mark at the head is fine for 1.7 and an error for 2.4. The escape
# "\e" is the other way around. Either way the call gives no error: the mirror is just gone
# and only the origin is left. Each line lists the hosts that would be asked, as host|path.
# Output seen:
#   containerd v1.7.35
#     plain: mirror.example.com|/v2 reg.example.com|/v2
#     byte order mark: mirror.example.com|/v2 reg.example.com|/v2
#     escape e in a header: reg.example.com|/v2
#     escape x in a header: reg.example.com|/v2
#   containerd v2.4.2
#     plain: mirror.example.com|/v2 reg.example.com|/v2
#     byte order mark: reg.example.com|/v2
#     escape e in a header: mirror.example.com|/v2 reg.example.com|/v2
#     escape x in a header: mirror.example.com|/v2 reg.example.com|/v2
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
		{"plain", "[host.\"https://mirror.example.com\"]\ncapabilities = [\"pull\", \"resolve\"]\n"},
		{"byte order mark", "\ufeff[host.\"https://mirror.example.com\"]\ncapabilities = [\"pull\", \"resolve\"]\n"},
		{"escape e in a header", "[host.\"https://mirror.example.com\".header]\nx-note = \"a\\eb\"\n"},
		{"escape x in a header", "[host.\"https://mirror.example.com\".header]\nx-note = \"\\x41\"\n"},
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
