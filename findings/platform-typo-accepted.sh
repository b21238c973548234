#!/usr/bin/env bash
# Question: does containerd's parser of platforms notice a misspelled one?
# The usual guess: yes, it knows the names: it knows aarch64, x86_64 and armhf as well.
# Version: github.com/containerd/platforms v1.0.0-rc.5
# Behavior: with a slash any words are taken, also linux/x64 and a variant v99. Without one,
# an unknown word is an error. Other spellings are changed: macos to darwin, armhf to arm,
# armel to arm/v6. The base variant is dropped for amd64/v1 and kept for arm64/v8.
# Output seen:
#   linux/amd64: linux/amd64
#   linux/amd46: linux/amd46
#   linus/amd64: linus/amd64
#   linux/amd64/v1: linux/amd64
#   linux/amd64/v3: linux/amd64/v3
#   linux/amd64/v99: linux/amd64/v99
#   linux/arm64/v8: linux/arm64/v8
#   linux/aarch64: linux/arm64
#   linux/x86_64: linux/amd64
#   linux/x86-64: linux/amd64
#   linux/x64: linux/x64
#   linux/armhf: linux/arm
#   linux/armel: linux/arm/v6
#   linux/arm: linux/arm
#   macos/arm64: darwin/arm64
#   Linux/AMD64: linux/amd64
#   amd46: error
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
	github.com/containerd/platforms v1.0.0-rc.5
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/containerd/platforms"
)

func main() {
	for _, s := range []string{
		"linux/amd64", "linux/amd46", "linus/amd64", "linux/amd64/v1", "linux/amd64/v3", "linux/amd64/v99", "linux/arm64/v8",
		"linux/aarch64", "linux/x86_64", "linux/x86-64", "linux/x64", "linux/armhf", "linux/armel", "linux/arm", "macos/arm64", "Linux/AMD64", "amd46",
	} {
		p, err := platforms.Parse(s)
		if err != nil {
			fmt.Printf("%s: error\n", s)
			continue
		}
		fmt.Printf("%s: %s\n", s, platforms.Format(p))
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
