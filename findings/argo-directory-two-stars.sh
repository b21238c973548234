#!/usr/bin/env bash
# Question: an Application of Argo CD has directory.recurse and directory.include '**/*.yaml'. Which files of the folder
# are deployed? And with '*.yaml'?
# The usual guess: '**/*.yaml' is every YAML file at any depth; '*.yaml' those of the folder itself.
# Version: github.com/gobwas/glob v0.2.3, compiled without separators as util/glob of Argo CD 3.2 does
# Behavior: it is the other way around. Without separators a star matches slashes too, so that '*.yaml' is every file at
# any depth. '**/*.yaml' needs a slash: the files of the folder itself are left out, without a message.
# Output seen:
#   *.yaml             web.yaml base/web.yaml base/inner/web.yaml
#   **/*.yaml          base/web.yaml base/inner/web.yaml
#   {*,**/*}.yaml      web.yaml base/web.yaml base/inner/web.yaml
#   base/*.yaml        base/web.yaml base/inner/web.yaml
#   */web.yaml         base/web.yaml base/inner/web.yaml
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26

require github.com/gobwas/glob v0.2.3
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"strings"

	"github.com/gobwas/glob"
)

func main() {
	for _, pattern := range []string{"*.yaml", "**/*.yaml", "{*,**/*}.yaml", "base/*.yaml", "*/web.yaml"} {
		compiled := glob.MustCompile(pattern)
		var matched []string
		for _, path := range []string{"web.yaml", "base/web.yaml", "base/inner/web.yaml"} {
			if compiled.Match(path) {
				matched = append(matched, path)
			}
		}
		fmt.Printf("%-18s %s\n", pattern, strings.Join(matched, " "))
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
