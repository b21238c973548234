#!/usr/bin/env bash
# Question: a JSON 6902 patch of a kustomization names a field that the object does not have. Which operations fail?
# The usual guess: replace and remove fail, as RFC 6902 says that their target must exist; add succeeds.
# Version: sigs.k8s.io/kustomize/api v0.21.1 (kustomize 5.8.1, kubectl 1.37)
# Behavior: replace adds a field that is missing, as long as its parent is there. remove fails. Below a missing parent
# add fails like the others.
# Output seen:
#   replace /spec/paused         builds: paused: true
#   replace /spec/strategy/type  replace operation does not apply: doc is missing path: /spec/strategy/type: missing value
#   remove  /spec/paused         error in remove for path: '/spec/paused': Unable to remove nonexistent key: paused: missing value
#   add     /spec/paused         builds: paused: true
#   add     /spec/strategy/type  add operation does not apply: doc is missing path: "/spec/strategy/type": missing value
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOM'
module finding

go 1.26

require (
	sigs.k8s.io/kustomize/api v0.21.1
	sigs.k8s.io/kustomize/kyaml v0.21.1
)
EOM
cat >main.go <<'EOM'
package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func build(op, path string) string {
	fs := filesys.MakeFsInMemory()
	fs.WriteFile("web.yaml", []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n"))
	patch := fmt.Sprintf("[{\"op\": %q, \"path\": %q, \"value\": true}]", op, path)
	fs.WriteFile("kustomization.yaml", []byte("resources: [web.yaml]\npatches: [{target: {kind: Deployment}, patch: '"+patch+"'}]\n"))
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, ".")
	if err != nil {
		return err.Error()
	}
	text, _ := built.AsYaml()
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, "paused") {
			return "builds: " + strings.TrimSpace(line)
		}
	}
	return "builds"
}

func main() {
	for _, it := range [][2]string{{"replace", "/spec/paused"}, {"replace", "/spec/strategy/type"}, {"remove", "/spec/paused"}, {"add", "/spec/paused"}, {"add", "/spec/strategy/type"}} {
		fmt.Printf("%-7s %-20s %s\n", it[0], it[1], build(it[0], it[1]))
	}
}
EOM
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
