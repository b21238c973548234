#!/usr/bin/env bash
# Question: a YAML file has tag: 1.10 without quotes, and the Go field is a string. What comes?
# The usual guess: an error for the type, or "1.10" as written.
# Version: sigs.k8s.io/yaml v1.6.0
# Behavior: neither. The number is read first and then written out, as "1.1". The same way
# 0755 becomes "493", 1e3 "1000" and yes "true". Only into a string field:
# into "any" it stays a number. UnmarshalStrict does not mind.
# Output seen:
#   tag: 1.10       string: "1.1" <nil>, any: float64
#   tag: 0755       string: "493" <nil>, any: float64
#   tag: 0o17       string: "15" <nil>, any: float64
#   tag: 1e3        string: "1000" <nil>, any: float64
#   tag: 20260101   string: "20260101" <nil>, any: float64
#   tag: 1_000      string: "1000" <nil>, any: float64
#   tag: yes        string: "true" <nil>, any: bool
#   tag: ~          string: "" <nil>, any: <nil>
#   tag: 2026-01-01 string: "2026-01-01" <nil>, any: string
#   tag: "1.10"     string: "1.10" <nil>, any: string
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
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, v := range []string{"1.10", "0755", "0o17", "1e3", "20260101", "1_000", "yes", "~", "2026-01-01", `"1.10"`} {
		var s struct {
			Tag string `json:"tag"`
		}
		err := yaml.UnmarshalStrict([]byte("tag: "+v+"\n"), &s)
		var a map[string]any
		yaml.Unmarshal([]byte("tag: "+v+"\n"), &a)
		fmt.Printf("tag: %-10s string: %q %v, any: %T\n", v, s.Tag, err, a["tag"])
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
