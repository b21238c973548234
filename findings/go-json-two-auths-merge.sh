#!/usr/bin/env bash
# Question: a Docker config has "auths" twice. Which entries count?
# The usual guess: those of the last one, as in other JSON readers (or an error).
# Version: Go 1.26.8, encoding/json
# Behavior: both. A map that is there already is filled up, not replaced. "AUTHS" counts as
# "auths" as well. An entry with the same key is replaced as a whole: the user name of the
# first is gone. Decoded into "any", the last one wins.
# Output seen:
#   go1.26.8
#   {"auths":{"a.example.com":{"username":"u1"}},"auths":{"b.example.com":{"username":"u2"}}}
#     struct: map[a.example.com:{Username:u1 Password:} b.example.com:{Username:u2 Password:}] <nil>
#     any: map[auths:map[b.example.com:map[username:u2]]]
#   {"auths":{"a.example.com":{"username":"u1"}},"AUTHS":{"b.example.com":{"username":"u2"}}}
#     struct: map[a.example.com:{Username:u1 Password:} b.example.com:{Username:u2 Password:}] <nil>
#     any: map[AUTHS:map[b.example.com:map[username:u2]] auths:map[a.example.com:map[username:u1]]]
#   {"auths":{"a.example.com":{"username":"u1"}},"auths":{"a.example.com":{"password":"p2"}}}
#     struct: map[a.example.com:{Username: Password:p2}] <nil>
#     any: map[auths:map[a.example.com:map[password:p2]]]
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

type config struct {
	Auths map[string]struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"auths"`
}

func main() {
	fmt.Println(runtime.Version())
	for _, s := range []string{
		`{"auths":{"a.example.com":{"username":"u1"}},"auths":{"b.example.com":{"username":"u2"}}}`,
		`{"auths":{"a.example.com":{"username":"u1"}},"AUTHS":{"b.example.com":{"username":"u2"}}}`,
		`{"auths":{"a.example.com":{"username":"u1"}},"auths":{"a.example.com":{"password":"p2"}}}`,
	} {
		var c config
		err := json.Unmarshal([]byte(s), &c)
		var v any
		json.Unmarshal([]byte(s), &v)
		fmt.Println(s)
		fmt.Printf("  struct: %+v %v\n  any: %v\n", c.Auths, err, v)
	}
}
EOF
export GOTOOLCHAIN=go1.26.8
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
