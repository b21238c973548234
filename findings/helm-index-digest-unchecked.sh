#!/usr/bin/env bash
# Question: the index.yaml of a Helm repository states the sha256 of each archive. What does helm do with an archive that
# has another one?
# The usual guess: it refuses the archive, as package managers do.
# Version: helm.sh/helm/v3 v3.22.0
# Behavior: it takes the archive without a word. Only `helm pull --verify` looks at a digest: that in a signed .prov file.
# Output seen:
#   digest in the index: sha256 of something else
#   pulled: shop-1.0.0.tgz
#   same bytes as served: true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26

require helm.sh/helm/v3 v3.22.0
EOF
cat >main.go <<'EOF'
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/downloader"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/repo"
)

const index = `apiVersion: v1
entries:
  shop:
  - apiVersion: v2
    name: shop
    version: 1.0.0
    digest: %x
    urls: [shop-1.0.0.tgz]
`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func archive() []byte {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	files := tar.NewWriter(packed)
	text := "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
	if err := files.WriteHeader(&tar.Header{Name: "shop/Chart.yaml", Mode: 0o644, Size: int64(len(text))}); err != nil {
		panic(err)
	}
	must(files.Write([]byte(text)))
	files.Close()
	packed.Close()
	return out.Bytes()
}

func main() {
	served := archive()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/index.yaml" {
			fmt.Fprintf(w, index, sha256.Sum256([]byte("something else")))
			return
		}
		w.Write(served)
	}))
	defer server.Close()
	getters := getter.All(cli.New())
	// What `helm template shop --repo URL` does (LocateChart in pkg/action/install.go).
	url := must(repo.FindChartInRepoURL(server.URL, "shop", "", "", "", "", getters))
	to := must(os.MkdirTemp(".", "to"))
	down := downloader.ChartDownloader{Out: io.Discard, Getters: getters, RepositoryConfig: "none", RepositoryCache: to}
	file, _, err := down.DownloadTo(url, "", to)
	if err != nil {
		panic(err)
	}
	fmt.Println("digest in the index: sha256 of something else")
	fmt.Println("pulled:", filepath.Base(file))
	fmt.Println("same bytes as served:", bytes.Equal(must(os.ReadFile(file)), served))
}
EOF
export HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
