#!/usr/bin/env bash
# Question: certs.d has _default/hosts.toml and an empty folder for one registry. Which is used?
# The usual guess: _default, since the folder says nothing.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker/config
# Behavior: the first folder that exists wins, also an empty one. The mirror of _default is
# gone for that registry. For a registry with a port, reg.example.com_5000_ goes first, then
# reg.example.com:5000. A folder without the port does not count, and docker.io is looked
# for by that name: index.docker.io does not count.
# Output seen:
#   reg.example.com, folders _default: asks mirror.example.com/from/_default/v2
#   reg.example.com, folders _default reg.example.com/: asks reg.example.com/v2
#   reg.example.com:5000, folders _default reg.example.com: asks mirror.example.com/from/_default/v2
#   reg.example.com:5000, folders _default reg.example.com:5000: asks mirror.example.com/from/reg.example.com-5000/v2
#   reg.example.com:5000, folders _default reg.example.com:5000 reg.example.com_5000_: asks mirror.example.com/from/reg.example.com_5000_/v2
#   docker.io, folders _default index.docker.io registry-1.docker.io: asks mirror.example.com/from/_default/v2
#   docker.io, folders _default docker.io: asks mirror.example.com/from/docker.io/v2
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
	github.com/containerd/containerd/v2 v2.4.2
)
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker/config"
)

func main() {
	for _, c := range []struct{ registry, dirs string }{
		{"reg.example.com", "_default"},
		{"reg.example.com", "_default reg.example.com/"},
		{"reg.example.com:5000", "_default reg.example.com"},
		{"reg.example.com:5000", "_default reg.example.com:5000"},
		{"reg.example.com:5000", "_default reg.example.com:5000 reg.example.com_5000_"},
		{"docker.io", "_default index.docker.io registry-1.docker.io"},
		{"docker.io", "_default docker.io"},
	} {
		root, err := os.MkdirTemp(".", "certs")
		if err != nil {
			panic(err)
		}
		for _, d := range strings.Fields(c.dirs) {
			name, empty := strings.CutSuffix(d, "/")
			os.Mkdir(filepath.Join(root, name), 0o755)
			if !empty {
				text := fmt.Sprintf("server = \"https://mirror.example.com/from/%s\"\n", strings.ReplaceAll(name, ":", "-"))
				os.WriteFile(filepath.Join(root, name, "hosts.toml"), []byte(text), 0o644)
			}
		}
		hosts, err := config.ConfigureHosts(context.Background(), config.HostOptions{
			HostDir: config.HostDirFromRoot(root),
		})(c.registry)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s, folders %s: asks %s%s\n", c.registry, c.dirs, hosts[0].Host, hosts[0].Path)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
