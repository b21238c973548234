#!/usr/bin/env bash
# Question: an index has linux/386 and linux/arm64 only. Does a linux/amd64 node find an image?
# The usual guess: no match for platform.
# Version: github.com/containerd/containerd/v2 v2.4.2, github.com/containerd/platforms v1.0.0-rc.5
# Behavior: platforms.Only, the default of a pull, lets amd64 take 386, so it does. OnlyStrict
# does not. An arm64 node takes linux/arm too. A lone manifest (no index) is taken whatever
# its config says: its platform is never looked at, not even by OnlyStrict.
# Output seen:
#   index of 386, arm64, node linux/amd64, Only: takes linux/386
#   index of 386, arm64, node linux/amd64, OnlyStrict: no match for platform
#   index of 386, amd64, node linux/amd64, Only: takes linux/amd64
#   index of 386, amd64, node linux/amd64, OnlyStrict: takes linux/amd64
#   index of amd64, arm/v7, node linux/arm64, Only: takes linux/arm/v7
#   index of amd64, arm/v7, node linux/arm64, OnlyStrict: no match for platform
#   lone manifest of s390x, node linux/amd64, Only: takes linux/s390x
#   lone manifest of s390x, node linux/amd64, OnlyStrict: takes linux/s390x
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
	_ "crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	ctx := context.Background()
	store, err := local.NewStore("store")
	if err != nil {
		panic(err)
	}
	put := func(mt string, v any) ocispec.Descriptor {
		b, _ := json.Marshal(v)
		d := ocispec.Descriptor{MediaType: mt, Digest: digest.FromBytes(b), Size: int64(len(b))}
		if err := content.WriteBlob(ctx, store, d.Digest.String(), strings.NewReader(string(b)), d); err != nil {
			panic(err)
		}
		return d
	}
	image := func(p ocispec.Platform) ocispec.Descriptor {
		cfg := put(ocispec.MediaTypeImageConfig, ocispec.Image{Platform: p})
		d := put(ocispec.MediaTypeImageManifest, ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config: cfg, Annotations: map[string]string{"p": platforms.Format(p)},
		})
		d.Platform = &p
		return d
	}
	index := func(ps ...string) ocispec.Descriptor {
		idx := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
		for _, p := range ps {
			idx.Manifests = append(idx.Manifests, image(platforms.MustParse(p)))
		}
		return put(ocispec.MediaTypeImageIndex, idx)
	}
	lone := image(platforms.MustParse("linux/s390x"))
	lone.Platform = nil
	for _, c := range []struct {
		name, node string
		d          ocispec.Descriptor
	}{
		{"index of 386, arm64", "linux/amd64", index("linux/386", "linux/arm64")},
		{"index of 386, amd64", "linux/amd64", index("linux/386", "linux/amd64")},
		{"index of amd64, arm/v7", "linux/arm64", index("linux/amd64", "linux/arm/v7")},
		{"lone manifest of s390x", "linux/amd64", lone},
	} {
		for _, m := range []struct {
			name string
			f    func(ocispec.Platform) platforms.MatchComparer
		}{{"Only", platforms.Only}, {"OnlyStrict", platforms.OnlyStrict}} {
			got, err := images.Manifest(ctx, store, c.d, m.f(platforms.MustParse(c.node)))
			what := "takes " + got.Annotations["p"]
			if err != nil {
				what, _, _ = strings.Cut(err.Error(), " in manifest")
			}
			fmt.Printf("%s, node %s, %s: %s\n", c.name, c.node, m.name, what)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
