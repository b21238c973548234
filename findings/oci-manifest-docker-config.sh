#!/usr/bin/env bash
# Question: an OCI manifest names its config by Docker's media type. Is it an image?
# The usual guess: the two config types have the same JSON, so all tools take it, or none.
# Version: go.podman.io/image/v5 v5.42.1 (CRI-O, Podman) and
# github.com/containerd/containerd/v2 v2.4.2
# Behavior: containerd reads the platform and the layers of it. containers/image opens it and
# lists its layers, and refuses it as soon as the config is wanted.
# Output seen:
#   config application/vnd.oci.image.config.v1+json
#     containerd platform: linux/amd64 <nil>
#     containerd layers: 1 <nil>
#     containers/image layers: 1
#     containers/image config: <nil>
#   config application/vnd.docker.container.image.v1+json
#     containerd platform: linux/amd64 <nil>
#     containerd layers: 1 <nil>
#     containers/image layers: 1
#     containers/image config: invalid mixed OCI image with Docker v2s2 config ("application/vnd.docker.container.image.v1+json")
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
	_ "crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/oci/layout"
)

func main() {
	ctx := context.Background()
	store, err := local.NewStore("img")
	if err != nil {
		panic(err)
	}
	encode := func(v any) string {
		b, _ := json.Marshal(v)
		return string(b)
	}
	put := func(mt string, s string) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mt, Digest: digest.FromString(s), Size: int64(len(s))}
		if err := content.WriteBlob(ctx, store, s, strings.NewReader(s), d); err != nil {
			panic(err)
		}
		return d
	}
	for _, mt := range []string{ocispec.MediaTypeImageConfig, images.MediaTypeDockerSchema2Config} {
		layer := put(ocispec.MediaTypeImageLayer, "layer for "+mt)
		cfg := put(mt, encode(ocispec.Image{
			Author: mt, Platform: platforms.MustParse("linux/amd64"),
			RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
		}))
		man := put(ocispec.MediaTypeImageManifest, encode(ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config: cfg, Layers: []ocispec.Descriptor{layer},
		}))
		fmt.Println("config", mt)

		p, err := images.ConfigPlatform(ctx, store, cfg)
		fmt.Println("  containerd platform:", platforms.Format(p), err)
		rootfs, err := images.RootFS(ctx, store, cfg)
		fmt.Println("  containerd layers:", len(rootfs), err)

		os.WriteFile("img/oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
		os.WriteFile("img/index.json", []byte(encode(ocispec.Index{
			Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{man},
		})), 0o644)
		ref, err := layout.NewReference("img", "")
		if err != nil {
			panic(err)
		}
		img, err := ref.NewImage(ctx, nil)
		if err != nil {
			fmt.Println("  containers/image open:", err)
			continue
		}
		fmt.Println("  containers/image layers:", len(img.LayerInfos()))
		_, err = img.OCIConfig(ctx)
		fmt.Println("  containers/image config:", err)
		img.Close()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run -tags containers_image_openpgp . >got
cat got
diff -u want got
