#!/usr/bin/env bash
# Question: one of many entries of a map has a wrong type. Does the error of Go say which?
# The usual guess: yes, the path in the message leads to the value.
# Version: Go 1.26.8, encoding/json
# Behavior: the path goes through struct fields only. The key of the map is left out, so it
# reads as if "password" were a direct child of "auths". An index of a list is left out too.
# The type in front is the innermost struct (entry), though the path begins at the outermost.
# Output seen:
#   go1.26.8
#   json: cannot unmarshal number into Go struct field entry.auths.password of type string
#   json: cannot unmarshal number into Go struct field entry.list.password of type string
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26
EOF
cat >main.go <<'EOF'
package main

import (
	"encoding/json"
	"fmt"
	"runtime"
)

type entry struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type DockerConfigJSON struct {
	Auths map[string]entry `json:"auths"`
	List  []entry          `json:"list"`
}

func main() {
	fmt.Println(runtime.Version())
	for _, s := range []string{
		`{"auths":{"a.example.com":{"password":"s"},"b.example.com":{"password":123}}}`,
		`{"list":[{"password":"s"},{"password":123}]}`,
	} {
		var c DockerConfigJSON
		fmt.Println(json.Unmarshal([]byte(s), &c))
	}
}
EOF
export GOTOOLCHAIN=go1.26.8
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
