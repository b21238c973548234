#!/usr/bin/env bash
# Question: hosts.toml says capabilities = [] for a mirror. What may the mirror be used for?
# The usual guess: nothing. The list is there, and it is empty.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker/config
# Behavior: everything, also pushes. An empty list is the same as none. The names are taken
# in any case.
# Output seen:
#   "": mirror.example.com pull true, resolve true, push true
#   "capabilities = []": mirror.example.com pull true, resolve true, push true
#   "capabilities = [\"pull\"]": mirror.example.com pull true, resolve false, push false
#   "capabilities = [\"Pull\", \"RESOLVE\"]": mirror.example.com pull true, resolve true, push false
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

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
)

func main() {
	for _, line := range []string{``, `capabilities = []`, `capabilities = ["pull"]`, `capabilities = ["Pull", "RESOLVE"]`} {
		root, err := os.MkdirTemp(".", "certs")
		if err != nil {
			panic(err)
		}
		dir := filepath.Join(root, "reg.example.com")
		os.Mkdir(dir, 0o755)
		os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte("[host.\"https://mirror.example.com\"]\n"+line+"\n"), 0o644)
		hosts, err := config.ConfigureHosts(context.Background(), config.HostOptions{
			HostDir: config.HostDirFromRoot(root),
		})("reg.example.com")
		if err != nil {
			panic(err)
		}
		c := hosts[0].Capabilities
		fmt.Printf("%q: %s pull %v, resolve %v, push %v\n", line, hosts[0].Host,
			c.Has(docker.HostCapabilityPull), c.Has(docker.HostCapabilityResolve), c.Has(docker.HostCapabilityPush))
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
