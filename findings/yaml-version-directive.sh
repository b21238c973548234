#!/usr/bin/env bash
# Question: a manifest begins with the line %YAML 1.2. Is it read?
# The usual guess: yes, 1.2 is the YAML in use since 2009.
# Version: sigs.k8s.io/yaml v1.6.0, k8s.io/apimachinery v0.37.2, go.yaml.in/yaml/v3 v3.0.6
# Behavior: both Go readers refuse 1.2 and take 1.1, whatever of 1.2 they can read. Through
# the document reader of Kubernetes, 1.1 becomes an error as well: the text is cut at "---"
# first, and the directive is left alone in a piece of its own.
# Output seen:
#   "%YAML 1.1\n---\na: 1\n"
#     sigs.k8s.io/yaml: <nil> map[a:1]
#     yaml/v3: <nil> map[a:1]
#     YAMLOrJSONDecoder: error converting YAML to JSON: yaml: line 1: did not find expected <document start> <nil>
#   "%YAML 1.2\n---\na: 1\n"
#     sigs.k8s.io/yaml: error converting YAML to JSON: yaml: found incompatible YAML document <nil>
#     yaml/v3: yaml: found incompatible YAML document <nil>
#     YAMLOrJSONDecoder: error converting YAML to JSON: yaml: found incompatible YAML document <nil>
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
	k8s.io/apimachinery v0.37.2
	go.yaml.in/yaml/v3 v3.0.6
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"strings"

	v3 "go.yaml.in/yaml/v3"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	for _, s := range []string{"%YAML 1.1\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n"} {
		var a, b, c any
		fmt.Printf("%q\n", s)
		fmt.Println("  sigs.k8s.io/yaml:", yaml.Unmarshal([]byte(s), &a), a)
		fmt.Println("  yaml/v3:", v3.Unmarshal([]byte(s), &b), b)
		fmt.Println("  YAMLOrJSONDecoder:", kyaml.NewYAMLOrJSONDecoder(strings.NewReader(s), 4096).Decode(&c), c)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
