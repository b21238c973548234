#!/usr/bin/env bash
# Question: YAML allows content on the line of a "---". Does the reader of Kubernetes take it?
# The usual guess: yes, it is plain YAML.
# Version: k8s.io/apimachinery v0.37.2, pkg/util/yaml (with sigs.k8s.io/yaml v1.6.0)
# Behavior: the line is refused, whatever follows, unless it is a comment. The end mark "..."
# does not divide documents: what comes after it is lost without an error, up to the next
# "---".
# Output seen:
#   "a: 1\n---\nb: 2\n"
#     YAMLReader: map[a:1] map[b:2]
#     YAMLOrJSONDecoder: map[a:1] map[b:2]
#   "a: 1\n--- # two\nb: 2\n"
#     YAMLReader: map[a:1] map[b:2]
#     YAMLOrJSONDecoder: map[a:1] map[b:2]
#   "a: 1\n--- {b: 2}\n"
#     YAMLReader: error "invalid Yaml document separator: {b: 2}"
#     YAMLOrJSONDecoder: error "invalid Yaml document separator: {b: 2}"
#   "a: 1\n--- !!map\nb: 2\n"
#     YAMLReader: error "invalid Yaml document separator: !!map"
#     YAMLOrJSONDecoder: error "invalid Yaml document separator: !!map"
#   "a: 1\n...\n---\nb: 2\n"
#     YAMLReader: map[a:1] map[b:2]
#     YAMLOrJSONDecoder: map[a:1] map[b:2]
#   "a: 1\n...\nb: 2\n"
#     YAMLReader: map[a:1]
#     YAMLOrJSONDecoder: map[a:1]
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
	k8s.io/apimachinery v0.37.2
	sigs.k8s.io/yaml v1.6.0
)
EOF
cat >main.go <<'EOF'
package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	for _, s := range []string{
		"a: 1\n---\nb: 2\n",
		"a: 1\n--- # two\nb: 2\n",
		"a: 1\n--- {b: 2}\n",
		"a: 1\n--- !!map\nb: 2\n",
		"a: 1\n...\n---\nb: 2\n",
		"a: 1\n...\nb: 2\n",
	} {
		fmt.Printf("%q\n  YAMLReader:", s)
		r := kyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(s)))
		for {
			doc, err := r.Read()
			if err == io.EOF {
				break
			}
			var v any
			if err == nil {
				err = yaml.Unmarshal(doc, &v)
			}
			if err != nil {
				fmt.Printf(" error %q", strings.TrimSpace(err.Error()))
				break
			}
			fmt.Printf(" %v", v)
		}
		fmt.Printf("\n  YAMLOrJSONDecoder:")
		d := kyaml.NewYAMLOrJSONDecoder(strings.NewReader(s), 4096)
		for {
			var v any
			err := d.Decode(&v)
			if err == io.EOF {
				break
			}
			if err != nil {
				fmt.Printf(" error %q", strings.TrimSpace(err.Error()))
				break
			}
			fmt.Printf(" %v", v)
		}
		fmt.Println()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
