#!/usr/bin/env bash
# Question: sortOptions.order says "newest", which kustomize does not know. Which builds fail?
# The usual guess: every build that reads that kustomization, as it does for any other wrong field.
# Version: sigs.k8s.io/kustomize/api v0.21.1 (kustomize 5.8.1, kubectl 1.37)
# Behavior: only the kustomization that the build starts at is asked for its sort options. The same file builds as a base.
# Output seen:
#   base     the field 'sortOptions.order' must be one of [fifo, legacy]
#   overlay  builds
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

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	fs := filesys.MakeFsInMemory()
	fs.WriteFile("base/pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"))
	fs.WriteFile("base/kustomization.yaml", []byte("resources: [pod.yaml]\nsortOptions: {order: newest}\n"))
	fs.WriteFile("overlay/kustomization.yaml", []byte("resources: [../base]\n"))
	for _, folder := range []string{"base", "overlay"} {
		said := "builds"
		if _, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, folder); err != nil {
			said = err.Error()
		}
		fmt.Printf("%-8s %s\n", folder, said)
	}
}
EOM
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
