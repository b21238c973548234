#!/usr/bin/env bash
# Question: a registry answers 429 with Retry-After: 60. How does containerd try again?
# The usual guess: a few times, with the wait that the registry asked for.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker
# Behavior: at once, five requests per host, the mirror as well. Retry-After is not read. The
# same for 408. 500, 503 and 504 are tried once more, and only on the last host. 502 is never
# tried again.
# Output seen:
#   408: mirror asked 5, origin asked 5, below 10 s true, failed true
#   429: mirror asked 5, origin asked 5, below 10 s true, failed true
#   500: mirror asked 1, origin asked 2, below 10 s true, failed true
#   502: mirror asked 1, origin asked 1, below 10 s true, failed true
#   503: mirror asked 1, origin asked 2, below 10 s true, failed true
#   504: mirror asked 1, origin asked 2, below 10 s true, failed true
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
	"sync/atomic"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func main() {
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		servers := make([]*httptest.Server, 2)
		counts := make([]atomic.Int32, 2)
		var hosts []docker.RegistryHost
		for i := range servers {
			servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				counts[i].Add(1)
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(status)
			}))
			hosts = append(hosts, docker.RegistryHost{
				Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
				Scheme: "http", Host: strings.TrimPrefix(servers[i].URL, "http://"), Path: "/v2",
				Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
			})
		}
		start := time.Now()
		_, _, err := docker.NewResolver(docker.ResolverOptions{
			Hosts: func(string) ([]docker.RegistryHost, error) { return hosts, nil },
		}).Resolve(context.Background(), "reg.example.com/team/app:1.0")
		fmt.Printf("%d: mirror asked %d, origin asked %d, below 10 s %v, failed %v\n",
			status, counts[0].Load(), counts[1].Load(), time.Since(start) < 10*time.Second, err != nil)
		servers[0].Close()
		servers[1].Close()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
