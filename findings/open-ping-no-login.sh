#!/usr/bin/env bash
# Question: /v2/ is open, the manifest answers 401 with a Bearer challenge. Is a token fetched?
# The usual guess: yes. The challenge stands in the answer, and the user has a password.
# Version: go.podman.io/image/v5 v5.42.1 (CRI-O, Podman) and
# github.com/containerd/containerd/v2 v2.4.2
# Behavior: containers/image takes challenges from the ping of /v2/ only. If the ping is open,
# it never logs in, and the password is not used. containerd has no ping: it takes the
# challenge from the answer for the manifest, and gets in.
# Output seen:
#   containers/image: 401 answers 1, token requests 0, pulled false
#     reading manifest 1.0 in HOST/team/app: authentication required
#   containerd: 401 answers 1, token requests 1, pulled true
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
	var tokens, denied atomic.Int32
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/":
		case r.URL.Path == "/token":
			tokens.Add(1)
			io.WriteString(w, `{"token":"t","access_token":"t"}`)
		case r.Header.Get("Authorization") == "Bearer t":
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			io.WriteString(w, body)
		default:
			denied.Add(1)
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="reg.example.com",scope="repository:team/app:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	ctx := context.Background()
	host := strings.TrimPrefix(srv.URL, "http://")
	report := func(name string, err error) {
		fmt.Printf("%s: 401 answers %d, token requests %d, pulled %v\n", name, denied.Swap(0), tokens.Swap(0), err == nil)
		if err != nil {
			fmt.Println(" ", strings.ReplaceAll(err.Error(), host, "HOST"))
		}
	}

	os.WriteFile("registries.conf", nil, 0o644)
	ref, err := docker.ParseReference("//" + host + "/team/app:1.0")
	if err != nil {
		panic(err)
	}
	_, err = ref.NewImageSource(ctx, &types.SystemContext{
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
		DockerAuthConfig:            &types.DockerAuthConfig{Username: "robot", Password: "s"},
		SystemRegistriesConfPath:    "registries.conf",
		SystemRegistriesConfDirPath: "registries.d",
		RegistriesDirPath:           "registries.d",
		DockerPerHostCertDirPath:    "certs.d",
	})
	report("containers/image", err)

	authorizer := ctrd.NewDockerAuthorizer(ctrd.WithAuthCreds(func(string) (string, string, error) { return "robot", "s", nil }))
	_, _, err = ctrd.NewResolver(ctrd.ResolverOptions{Hosts: ctrd.ConfigureDefaultRegistries(
		ctrd.WithPlainHTTP(ctrd.MatchAllHosts), ctrd.WithAuthorizer(authorizer),
	)}).Resolve(ctx, host+"/team/app:1.0")
	report("containerd", err)
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run -tags containers_image_openpgp . >got
cat got
diff -u want got
