#!/usr/bin/env bash
# Question: the mirror is down and the origin answers 404. Which of the two is reported?
# The usual guess: the first error, that of the mirror, or the last one, in every version.
# Version: github.com/containerd/containerd v1.7.35 and github.com/containerd/containerd/v2 v2.4.2
# Behavior: 1.7 keeps the first error that is no 404, so it reports the mirror that is down or
# has a bad certificate. 2.4 ranks the errors: a transport error is below a 404, and a 404 is
# below any other status. So it says "not found" for the first two, but 503 for the third.
# Output seen:
#   containerd v1.7.35
#     mirror is down, origin 404: reports the mirror's connection refused
#     mirror has an unknown certificate, origin 404: reports the mirror's x509 error
#     mirror answers 503, origin 404: reports the mirror's 503
#   containerd v2.4.2
#     mirror is down, origin 404: reports the origin's not found
#     mirror has an unknown certificate, origin 404: reports the origin's not found
#     mirror answers 503, origin 404: reports the mirror's 503
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >main.go.in <<'EOF'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"REMOTES/docker"
	"github.com/containerd/errdefs"
)

func main() {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	origin := httptest.NewServer(answer(http.StatusNotFound))
	defer origin.Close()
	down := httptest.NewServer(answer(http.StatusOK))
	down.Close()
	badTLS := httptest.NewUnstartedServer(answer(http.StatusOK))
	badTLS.Config.ErrorLog = nil
	badTLS.StartTLS()
	defer badTLS.Close()
	busy := httptest.NewServer(answer(http.StatusServiceUnavailable))
	defer busy.Close()

	for _, m := range []struct{ name, url string }{
		{"mirror is down", down.URL}, {"mirror has an unknown certificate", badTLS.URL}, {"mirror answers 503", busy.URL},
	} {
		hosts := func(string) (hs []docker.RegistryHost, _ error) {
			for _, u := range []string{m.url, origin.URL} {
				scheme, host, _ := strings.Cut(u, "://")
				hs = append(hs, docker.RegistryHost{
					Client: http.DefaultClient, Scheme: scheme, Host: host, Path: "/v2",
					Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
				})
			}
			return hs, nil
		}
		_, _, err := docker.NewResolver(docker.ResolverOptions{Hosts: hosts}).
			Resolve(context.Background(), "reg.example.com/team/app:1.0")
		what := "something else: " + fmt.Sprint(err)
		switch {
		case errdefs.IsNotFound(err) || errors.Is(err, errdefs.ErrNotFound):
			what = "the origin's not found"
		case strings.Contains(err.Error(), "connection refused"):
			what = "the mirror's connection refused"
		case strings.Contains(err.Error(), "x509"):
			what = "the mirror's x509 error"
		case strings.Contains(err.Error(), "503"):
			what = "the mirror's 503"
		}
		fmt.Printf("  %s, origin 404: reports %s\n", m.name, what)
	}
}
EOF
for v in "v1.7.35 containerd/containerd containerd/containerd/remotes" "v2.4.2 containerd/containerd/v2 containerd/containerd/v2/core/remotes"; do
	set -- $v
	mkdir "$1"
	printf 'module finding\n\ngo 1.26\n\nrequire github.com/%s %s\n' "$2" "$1" >"$1/go.mod"
	sed -e "s#REMOTES#github.com/$3#" main.go.in >"$1/main.go"
	echo "containerd $1"
	(cd "$1" && GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null)
done >got
cat got
diff -u want got
