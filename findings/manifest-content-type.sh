#!/usr/bin/env bash
# Question: what type has a manifest when the Content-Type is a little off?
# The usual guess: the mediaType in the manifest is used then, or at least case and spaces
# do not matter, as RFC 9110 has it.
# Version: github.com/containerd/containerd/v2 v2.4.2, core/remotes/docker
# Behavior: the header alone counts, up to the first ";". A space before it and capitals stay,
# and then the type is not known as a manifest. text/plain is taken for a manifest of
# schema 1, and refused as one. application/json and an absent header are no manifest.
# Output seen:
#   header "application/vnd.oci.image.manifest.v1+json"
#     type "application/vnd.oci.image.manifest.v1+json", a manifest: true
#   header "application/vnd.oci.image.manifest.v1+json; charset=utf-8"
#     type "application/vnd.oci.image.manifest.v1+json", a manifest: true
#   header "application/vnd.oci.image.manifest.v1+json ; charset=utf-8"
#     type "application/vnd.oci.image.manifest.v1+json ", a manifest: false
#   header "Application/vnd.OCI.image.manifest.v1+json"
#     type "Application/vnd.OCI.image.manifest.v1+json", a manifest: false
#   header "text/plain; charset=utf-8"
#     error: not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.0, please rebuild the image as "application/vnd.docker.distribution.manifest.v2+json" or "application/vnd.oci.image.manifest.v1+json"
#   header "application/json"
#     type "application/json", a manifest: false
#   header ""
#     type "", a manifest: false
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

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func main() {
	const oci = "application/vnd.oci.image.manifest.v1+json"
	for _, ct := range []string{
		oci, oci + "; charset=utf-8", oci + " ; charset=utf-8", "Application/vnd.OCI.image.manifest.v1+json",
		"text/plain; charset=utf-8", "application/json", "",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			if ct != "" {
				w.Header().Set("Content-Type", ct)
			}
			body := `{"schemaVersion":2,"mediaType":"` + oci + `"}`
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			if r.Method == http.MethodGet {
				io.WriteString(w, body)
			}
		}))
		_, d, err := docker.NewResolver(docker.ResolverOptions{
			Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchAllHosts)),
		}).Resolve(context.Background(), strings.TrimPrefix(srv.URL, "http://")+"/team/app:1.0")
		srv.Close()
		what := fmt.Sprintf("type %q, a manifest: %v", d.MediaType, images.IsManifestType(d.MediaType))
		if err != nil {
			what = "error: " + err.Error()
		}
		fmt.Printf("header %q\n  %s\n", ct, what)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
