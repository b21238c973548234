#!/usr/bin/env bash
# Question: the challenge names a scope. Is that the scope that containerd asks a token for?
# The usual guess: yes, the challenge says what is needed.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker
# Behavior: it asks for that one and for its own, made from the name of the image. The two are
# compared as text. If the server writes "pull,push" or another path (behind a proxy), both
# are sent: twice "scope" with GET, one "scope" with a space in it with POST.
# Output seen:
#   challenge repository:team/app:pull
#     GET  ["repository:team/app:pull"]
#     POST ["repository:team/app:pull"]
#   challenge repository:team/app:pull,push
#     GET  ["repository:team/app:pull" "repository:team/app:pull,push"]
#     POST ["repository:team/app:pull repository:team/app:pull,push"]
#   challenge repository:cache/team/app:pull
#     GET  ["repository:cache/team/app:pull" "repository:team/app:pull"]
#     POST ["repository:cache/team/app:pull repository:team/app:pull"]
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
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func main() {
	for _, scope := range []string{"repository:team/app:pull", "repository:team/app:pull,push", "repository:cache/team/app:pull"} {
		fmt.Println("challenge", scope)
		for _, secret := range []string{"", "s"} {
			var mu sync.Mutex
			var srv *httptest.Server
			srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					mu.Lock()
					defer mu.Unlock()
					r.ParseForm()
					fmt.Printf("  %-4s %q\n", r.Method, r.Form["scope"])
					w.WriteHeader(http.StatusForbidden)
					return
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="reg.example.com",scope="`+scope+`"`)
				w.WriteHeader(http.StatusUnauthorized)
			}))
			authorizer := docker.NewDockerAuthorizer(docker.WithAuthCreds(func(string) (string, string, error) { return "robot", secret, nil }))
			docker.NewResolver(docker.ResolverOptions{Hosts: docker.ConfigureDefaultRegistries(
				docker.WithPlainHTTP(docker.MatchAllHosts), docker.WithAuthorizer(authorizer),
			)}).Resolve(context.Background(), strings.TrimPrefix(srv.URL, "http://")+"/team/app:1.0")
			srv.Close()
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
