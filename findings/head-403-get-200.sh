#!/usr/bin/env bash
# Question: a registry answers 403 to HEAD of a manifest and 200 to GET. Does a pull resolve?
# The usual guess: yes. containerd does ask with GET after the 403, and that one works.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker
# Behavior: the GET is sent only to have a text for the error. Its 200 is thrown away and the
# pull fails with the 403 of the HEAD.
# Output seen:
#   HEAD /v2/team/app/manifests/1.0 403
#   GET /v2/team/app/manifests/1.0 200
#   error: unexpected status from HEAD request to http://HOST/v2/team/app/manifests/1.0: 403 Forbidden
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
	"sync"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func main() {
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		if r.Method == http.MethodHead {
			status = http.StatusForbidden
		}
		mu.Lock()
		fmt.Println(r.Method, r.URL.Path, status)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.WriteHeader(status)
		if r.Method == http.MethodGet {
			io.WriteString(w, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`)
		}
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	res := docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchAllHosts)),
	})
	_, _, err := res.Resolve(context.Background(), host+"/team/app:1.0")
	fmt.Println(strings.ReplaceAll(fmt.Sprint("error: ", err), host, "HOST"))
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
