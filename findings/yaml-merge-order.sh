#!/usr/bin/env bash
# Question: a mapping has a key of its own and gets one of that name through `<<`. Which counts?
# The usual guess: its own, wherever `<<` stands: that is what YAML's merge type says.
# Version: sigs.k8s.io/yaml v1.6.0, go.yaml.in/yaml/v3 v3.0.6
# Behavior: what kubectl reads with applies `<<` where it stands, so that the key written last
# counts; what kustomize reads with lets the mapping's own win. `!!merge <<`, which Helm 4
# writes behind any post-renderer, merges for both, and a quoted "<<" for neither.
# Output seen:
#   {tag: own, <<: {tag: merged}}
#     sigs.k8s.io/yaml: <nil> map[tag:merged]
#     yaml/v3: <nil> map[tag:own]
#   {<<: {tag: merged}, tag: own}
#     sigs.k8s.io/yaml: <nil> map[tag:own]
#     yaml/v3: <nil> map[tag:own]
#   {!!merge <<: {tag: merged}}
#     sigs.k8s.io/yaml: <nil> map[tag:merged]
#     yaml/v3: <nil> map[tag:merged]
#   {"<<": {tag: merged}}
#     sigs.k8s.io/yaml: <nil> map[<<:map[tag:merged]]
#     yaml/v3: <nil> map[<<:map[tag:merged]]
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
	sigs.k8s.io/yaml v1.6.0
	go.yaml.in/yaml/v3 v3.0.6
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	v3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

func main() {
	for _, s := range []string{"{tag: own, <<: {tag: merged}}", "{<<: {tag: merged}, tag: own}", "{!!merge <<: {tag: merged}}", "{\"<<\": {tag: merged}}"} {
		var a, b any
		fmt.Println(s)
		fmt.Println("  sigs.k8s.io/yaml:", yaml.Unmarshal([]byte(s), &a), a)
		fmt.Println("  yaml/v3:", v3.Unmarshal([]byte(s), &b), b)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
