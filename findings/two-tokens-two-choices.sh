#!/usr/bin/env bash
# Question: a token answer holds both "token" and "access_token", and they differ. Which is sent?
# The usual guess: the same one everywhere.
# Version: go.podman.io/image/v5 v5.42.1 (CRI-O, Podman) and
# github.com/containerd/containerd/v2 v2.4.2
# Behavior: containers/image sends "token". containerd sends "access_token". The text of the
# token protocol leaves the choice open, so both may. A server that fills them with different
# tokens works for one of the two only.
# Output seen:
#   containers/image sends: Bearer from-token
#   containerd takes: from-access-token
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

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
)

func main() {
	sent := "nothing"
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			io.WriteString(w, `{"token":"from-token","access_token":"from-access-token"}`)
			return
		}
		if a := r.Header.Get("Authorization"); a != "" {
			sent = a
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="reg.example.com"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	ctx := context.Background()

	os.WriteFile("registries.conf", nil, 0o644)
	ref, err := docker.ParseReference("//" + strings.TrimPrefix(srv.URL, "http://") + "/team/app:1.0")
	if err != nil {
		panic(err)
	}
	ref.NewImageSource(ctx, &types.SystemContext{
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
		DockerAuthConfig:            &types.DockerAuthConfig{Username: "robot", Password: "s"},
		SystemRegistriesConfPath:    "registries.conf",
		SystemRegistriesConfDirPath: "registries.d",
		RegistriesDirPath:           "registries.d",
		DockerPerHostCertDirPath:    "certs.d",
	})
	fmt.Println("containers/image sends:", sent)

	t, err := auth.FetchToken(ctx, http.DefaultClient, nil, auth.TokenOptions{Realm: srv.URL + "/token", Username: "robot", Secret: "s"})
	if err != nil {
		panic(err)
	}
	fmt.Println("containerd takes:", t.Token)
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run -tags containers_image_openpgp . >got
cat got
diff -u want got
