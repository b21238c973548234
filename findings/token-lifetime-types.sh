#!/usr/bin/env bash
# Question: what if only the lifetime in a token answer is odd, and the token is good?
# The usual guess: the lifetime is a hint. The token is used, with a default lifetime.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker/auth
# Behavior: the whole answer fails. A quoted number fails, a whole number written as 3600.0
# or 3.6e3 fails, and so does an empty issued_at. null and absence are fine.
# Output seen:
#   "expires_in":300    GET ok: true  POST ok: true
#   "expires_in":null   GET ok: true  POST ok: true
#   "expires_in":"300"  GET ok: false POST ok: false
#     unable to decode token response: json: cannot unmarshal string into Go struct field FetchTokenResponse.expires_in of type int
#   "expires_in":3600.0 GET ok: false POST ok: false
#     unable to decode token response: json: cannot unmarshal number 3600.0 into Go struct field FetchTokenResponse.expires_in of type int
#   "expires_in":3.6e3  GET ok: false POST ok: false
#     unable to decode token response: json: cannot unmarshal number 3.6e3 into Go struct field FetchTokenResponse.expires_in of type int
#   "issued_at":null    GET ok: true  POST ok: true
#   "issued_at":""      GET ok: false POST ok: false
#     unable to decode token response: parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"
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
	for _, extra := range []string{
		`"expires_in":300`, `"expires_in":null`, `"expires_in":"300"`, `"expires_in":3600.0`,
		`"expires_in":3.6e3`, `"issued_at":null`, `"issued_at":""`,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"token":"t","access_token":"t",`+extra+`}`)
		}))
		to := auth.TokenOptions{Realm: srv.URL, Service: "reg.example.com", Username: "robot", Secret: "s"}
		_, get := auth.FetchToken(context.Background(), srv.Client(), nil, to)
		_, post := auth.FetchTokenWithOAuth(context.Background(), srv.Client(), nil, "finding", to)
		fmt.Printf("%-19s GET ok: %-5v POST ok: %v\n", extra, get == nil, post == nil)
		if get != nil {
			fmt.Printf("  %v\n", get)
		}
		srv.Close()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
