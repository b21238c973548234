#!/usr/bin/env bash
# Question: a registry serves manifests, but not the address /v2/ itself. Can one pull?
# The usual guess: the same for all runtimes.
# Version: go.podman.io/image/v5 v5.42.1 (CRI-O, Podman) and
# github.com/containerd/containerd/v2 v2.4.2
# Behavior: containers/image asks /v2/ first and gives up unless it is 200 or 401, even at 204.
# containerd never asks it, so a plain file server will do.
# Output seen:
#   /v2/ is 200: containers/image pings 1, pulled true; containerd pings 0, pulled true
#   /v2/ is 401: containers/image pings 1, pulled true; containerd pings 0, pulled true
#   /v2/ is 204: containers/image pings 1, pulled false; containerd pings 0, pulled true
#   /v2/ is 403: containers/image pings 1, pulled false; containerd pings 0, pulled true
#   /v2/ is 404: containers/image pings 1, pulled false; containerd pings 0, pulled true
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
	go.podman.io/image/v5 v5.42.1
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
	"os"
	"strings"
	"sync/atomic"

	ctrd "github.com/containerd/containerd/v2/core/remotes/docker"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
)

const body = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
	`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,` +
	`"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}`

func main() {
	os.WriteFile("registries.conf", nil, 0o644)
	ctx := context.Background()
	for _, status := range []int{200, 401, 204, 403, 404} {
		var pings atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				pings.Add(1)
				w.WriteHeader(status)
				return
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			io.WriteString(w, body)
		}))
		host := strings.TrimPrefix(srv.URL, "http://")
		ref, err := docker.ParseReference("//" + host + "/team/app:1.0")
		if err != nil {
			panic(err)
		}
		_, err = ref.NewImageSource(ctx, &types.SystemContext{
			DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
			AuthFilePath:                "auth.json",
			SystemRegistriesConfPath:    "registries.conf",
			SystemRegistriesConfDirPath: "registries.d",
			RegistriesDirPath:           "registries.d",
			DockerPerHostCertDirPath:    "certs.d",
		})
		fmt.Printf("/v2/ is %d: containers/image pings %d, pulled %v;", status, pings.Swap(0), err == nil)
		_, _, err = ctrd.NewResolver(ctrd.ResolverOptions{
			Hosts: ctrd.ConfigureDefaultRegistries(ctrd.WithPlainHTTP(ctrd.MatchAllHosts)),
		}).Resolve(ctx, host+"/team/app:1.0")
		fmt.Printf(" containerd pings %d, pulled %v\n", pings.Load(), err == nil)
		srv.Close()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run -tags containers_image_openpgp . >got
cat got
diff -u want got
