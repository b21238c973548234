#!/usr/bin/env bash
# Question: a token server refuses POST. With which status does containerd go on with GET?
# The usual guess: with any 4xx, or at least with 403 and 501 (not implemented).
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker
# Behavior: with 400, 401, 404 and 405 only. A refresh token (no user name) is tried with GET
# after 400, 401 and 404, but not after 405. With a 403, a 415 or a 501 to the POST the pull
# fails, though GET would have given a token.
# Output seen:
#   user "robot", POST answers 400: then GET true, resolved true
#   user "robot", POST answers 401: then GET true, resolved true
#   user "robot", POST answers 403: then GET false, resolved false
#   user "robot", POST answers 404: then GET true, resolved true
#   user "robot", POST answers 405: then GET true, resolved true
#   user "robot", POST answers 415: then GET false, resolved false
#   user "robot", POST answers 501: then GET false, resolved false
#   user "", POST answers 400: then GET true, resolved true
#   user "", POST answers 401: then GET true, resolved true
#   user "", POST answers 403: then GET false, resolved false
#   user "", POST answers 404: then GET true, resolved true
#   user "", POST answers 405: then GET false, resolved false
#   user "", POST answers 415: then GET false, resolved false
#   user "", POST answers 501: then GET false, resolved false
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
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func main() {
	for _, user := range []string{"robot", ""} {
		for _, status := range []int{400, 401, 403, 404, 405, 415, 501} {
			var gets int
			var srv *httptest.Server
			srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/token" && r.Method == http.MethodPost:
					w.WriteHeader(status)
				case r.URL.Path == "/token":
					gets++
					io.WriteString(w, `{"token":"t"}`)
				case r.Header.Get("Authorization") == "Bearer t":
					w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
					io.WriteString(w, `{"schemaVersion":2}`)
				default:
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="reg.example.com"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			authorizer := docker.NewDockerAuthorizer(docker.WithAuthCreds(func(string) (string, string, error) { return user, "s", nil }))
			_, _, err := docker.NewResolver(docker.ResolverOptions{Hosts: docker.ConfigureDefaultRegistries(
				docker.WithPlainHTTP(docker.MatchAllHosts), docker.WithAuthorizer(authorizer),
			)}).Resolve(context.Background(), strings.TrimPrefix(srv.URL, "http://")+"/team/app:1.0")
			srv.Close()
			fmt.Printf("user %q, POST answers %d: then GET %v, resolved %v\n", user, status, gets > 0, err == nil)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
