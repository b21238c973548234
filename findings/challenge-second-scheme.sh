#!/usr/bin/env bash
# Question: which challenges does containerd see in a WWW-Authenticate header?
# The usual guess: every scheme that RFC 9110 allows in it, and near misses are refused.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker/auth
# Behavior: one header line gives one challenge at most, the first. If the first scheme is
# unknown (Negotiate), the Basic one after it on the same line is gone. On two lines it is
# found. The near misses are not refused: an unquoted realm is cut at the colon, and at a ";"
# the reading stops, so the service is lost without a word.
# Output seen:
#   ["Negotiate, Basic realm=\"x\""]
#     no challenge
#   ["Negotiate" "Basic realm=\"x\""]
#     Basic realm="x" service=""
#   ["Bearer realm=https://reg.example.com/token"]
#     Bearer realm="https" service=""
#   ["Bearer realm=\"https://reg.example.com/token\"; service=\"reg.example.com\""]
#     Bearer realm="https://reg.example.com/token" service=""
#   ["Bearer realm=\"https://reg.example.com/token\", service=\"reg.example.com\""]
#     Bearer realm="https://reg.example.com/token" service="reg.example.com"
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
	github.com/containerd/containerd/v2 v2.4.2
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"net/http"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
)

func main() {
	names := map[auth.AuthenticationScheme]string{auth.BasicAuth: "Basic", auth.BearerAuth: "Bearer"}
	for _, lines := range [][]string{
		{`Negotiate, Basic realm="x"`},
		{`Negotiate`, `Basic realm="x"`},
		{`Bearer realm=https://reg.example.com/token`},
		{`Bearer realm="https://reg.example.com/token"; service="reg.example.com"`},
		{`Bearer realm="https://reg.example.com/token", service="reg.example.com"`},
	} {
		h := http.Header{}
		for _, l := range lines {
			h.Add("WWW-Authenticate", l)
		}
		fmt.Printf("%q\n", lines)
		got := auth.ParseAuthHeader(h)
		if len(got) == 0 {
			fmt.Println("  no challenge")
		}
		for _, c := range got {
			fmt.Printf("  %s realm=%q service=%q\n", names[c.Scheme], c.Parameters["realm"], c.Parameters["service"])
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
