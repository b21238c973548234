#!/usr/bin/env bash
# Question: a token server answers {"token": "..."} only. Does containerd take it?
# The usual guess: yes. The same server answers both ways of asking, and GET takes it.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker/auth
# Behavior: FetchToken (GET) takes "token" or "access_token". FetchTokenWithOAuth (POST)
# knows "access_token" only. An answer with "token" alone is "no token" there.
# Output seen:
#   GET  {"token":"t1"}: token "t1"
#   POST {"token":"t1"}: authorization server did not include a token in the response
#   GET  {"access_token":"t2"}: token "t2"
#   POST {"access_token":"t2"}: token "t2"
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
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
)

func main() {
	for _, body := range []string{`{"token":"t1"}`, `{"access_token":"t2"}`} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, body)
		}))
		to := auth.TokenOptions{Realm: srv.URL, Service: "reg.example.com", Username: "robot", Secret: "s"}
		if a, err := auth.FetchToken(context.Background(), srv.Client(), nil, to); err != nil {
			fmt.Printf("GET  %s: %v\n", body, err)
		} else {
			fmt.Printf("GET  %s: token %q\n", body, a.Token)
		}
		if a, err := auth.FetchTokenWithOAuth(context.Background(), srv.Client(), nil, "finding", to); err != nil {
			fmt.Printf("POST %s: %v\n", body, err)
		} else {
			fmt.Printf("POST %s: token %q\n", body, a.AccessToken)
		}
		srv.Close()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
