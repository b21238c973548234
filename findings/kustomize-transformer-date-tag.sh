#!/usr/bin/env bash
# Question: a tag is a date, 2026-01-02 without quotes. Is it the same under images: and in a file of transformers:?
# The usual guess: yes, both are YAML that the same program reads into the same type.
# Version: sigs.k8s.io/kustomize/api v0.21.1 (kustomize 5.8.1, kubectl 1.37)
# Behavior: no. The kustomization is read by a reader that leaves dates alone. A transformer is read as an object first,
# by another reader, and written out again: its date has a time then, and the image a tag that nobody can pull.
# Output seen:
#   images:       redis:2026-01-02
#   transformers: redis:2026-01-02T00:00:00Z
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
	sigs.k8s.io/kustomize/api v0.21.1
	sigs.k8s.io/kustomize/kyaml v0.21.1
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"regexp"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	pod   = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'redis:1'}]}\n"
	entry = "{name: redis, newTag: 2026-01-02}"
	other = "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: t}\nimageTag: " + entry + "\n"
)

func main() {
	for _, c := range []struct{ name, lines string }{
		{"images:", "images: [" + entry + "]\n"},
		{"transformers:", "transformers: [t.yaml]\n"},
	} {
		fs := filesys.MakeFsInMemory()
		fs.WriteFile("pod.yaml", []byte(pod))
		fs.WriteFile("t.yaml", []byte(other))
		fs.WriteFile("kustomization.yaml", []byte("resources: [pod.yaml]\n"+c.lines))
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, ".")
		if err != nil {
			panic(err)
		}
		text, _ := built.AsYaml()
		fmt.Printf("%-13s %s\n", c.name, regexp.MustCompile(`image: (\S+)`).FindStringSubmatch(string(text))[1])
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
