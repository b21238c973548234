#!/usr/bin/env bash
# Question: a manifest has imagePullSecrets twice in one mapping. What is read?
# The usual guess: an error, since YAML forbids it and the usual Go reader refuses it.
# Version: sigs.k8s.io/yaml v1.6.0, go.yaml.in/yaml/v3 v3.0.6
# Behavior: sigs.k8s.io/yaml takes the last one and is silent, unless UnmarshalStrict is used.
# go.yaml.in/yaml/v3 refuses it. Keys that differ in case only are two keys in the YAML, but
# one field in the struct, and even UnmarshalStrict says nothing of the same field twice.
# Output seen:
#   "imagePullSecrets: [{name: a}]\nimagePullSecrets: [{name: b}]\n"
#     sigs Unmarshal: [{b}], error: <nil>
#     sigs UnmarshalStrict: [], error: error converting YAML to JSON: yaml: unmarshal errors:
#     line 2: key "imagePullSecrets" already set in map
#     yaml/v3 Unmarshal: [], error: yaml: unmarshal errors:
#     line 2: mapping key "imagePullSecrets" already defined at line 1
#   "imagePullSecrets: [{name: a}]\nimagepullsecrets: [{name: b}]\n"
#     sigs Unmarshal: [{b}], error: <nil>
#     sigs UnmarshalStrict: [{b}], error: <nil>
#     yaml/v3 Unmarshal: [{a}], error: <nil>
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

type spec struct {
	Secrets []struct {
		Name string `json:"name" yaml:"name"`
	} `json:"imagePullSecrets" yaml:"imagePullSecrets"`
}

func main() {
	for _, s := range []string{
		"imagePullSecrets: [{name: a}]\nimagePullSecrets: [{name: b}]\n",
		"imagePullSecrets: [{name: a}]\nimagepullsecrets: [{name: b}]\n",
	} {
		fmt.Printf("%q\n", s)
		for _, r := range []struct {
			name string
			f    func(v *spec) error
		}{
			{"sigs Unmarshal", func(v *spec) error { return yaml.Unmarshal([]byte(s), v) }},
			{"sigs UnmarshalStrict", func(v *spec) error { return yaml.UnmarshalStrict([]byte(s), v) }},
			{"yaml/v3 Unmarshal", func(v *spec) error { return v3.Unmarshal([]byte(s), v) }},
		} {
			var v spec
			err := r.f(&v)
			fmt.Printf("  %s: %v, error: %v\n", r.name, v.Secrets, err)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
