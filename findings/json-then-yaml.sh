#!/usr/bin/env bash
# Question: JSON objects stand one behind the other in a file, with YAML before or behind. Is all of it read?
# The usual guess: yes: JSON is YAML, and objects in a row are read everywhere or nowhere.
# Version: k8s.io/apimachinery v0.37.2
# Behavior: objects in a row are read from the start of a file only. Behind one of them YAML may
# follow, behind two it may not. Behind a "---" the second is dropped without a word, and so is
# what stands behind `{}:`, which is taken for an empty object.
# Output seen:
#   "{\"a\":1}{\"b\":2}"
#      map[a:1] <nil>
#      map[b:2] <nil>
#      <nil> EOF
#   "{\"a\":1}\n---\nb: 2\n"
#      map[a:1] <nil>
#      map[b:2] <nil>
#      <nil> EOF
#   "{\"a\":1}{\"b\":2}\n---\nc: 3\n"
#      map[a:1] <nil>
#      map[b:2] <nil>
#      <nil> invalid character '-' in numeric literal
#   "---\n{\"a\":1}{\"b\":2}\n"
#      map[a:1] <nil>
#      <nil> EOF
#   "---\n{}: 1\n"
#      map[] <nil>
#      <nil> EOF
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
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	streams := []string{
		`{"a":1}{"b":2}`, "{\"a\":1}\n---\nb: 2\n", "{\"a\":1}{\"b\":2}\n---\nc: 3\n", "---\n{\"a\":1}{\"b\":2}\n", "---\n{}: 1\n",
	}
	for _, s := range streams {
		fmt.Printf("%q\n", s)
		decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(s), 4096)
		for {
			var v any
			err := decoder.Decode(&v)
			fmt.Println("  ", v, err)
			if err != nil {
				break
			}
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
