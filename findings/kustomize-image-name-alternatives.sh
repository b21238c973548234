#!/usr/bin/env bash
# Question: an entry of images: in a kustomization has a regular expression for its name. Which images does it fit?
# The usual guess: those that it fits as a whole, so that redis|busybox is those two, and * is no expression.
# Version: sigs.k8s.io/kustomize/api v0.21.1 (kustomize 5.8.1, kubectl 1.37)
# Behavior: the name is put between ^ and an optional tag and digest, without a group. redis|busybox fits all that begins
# with redis, and all that ends in busybox. A lone * repeats the ^, and fits everything; *redis fits all that ends so.
# Output seen:
#   redis           [redis:NEW redis-exporter:1 x/busybox:1]
#   redis|busybox   [redis:NEW redis-exporter:NEW x/busybox:NEW]
#   (redis|busybox) [redis:NEW redis-exporter:1 x/busybox:1]
#   *               [redis:NEW redis-exporter:NEW x/busybox:NEW]
#   *busybox        [redis:1 redis-exporter:1 x/busybox:NEW]
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
	sigs.k8s.io/kustomize/api v0.21.1
	sigs.k8s.io/kustomize/kyaml v0.21.1
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"regexp"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const pod = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a, image: 'redis:1'}, {name: b, image: 'redis-exporter:1'}, {name: c, image: 'x/busybox:1'}]}
`

func images(name string) (out any) {
	fs := filesys.MakeFsInMemory()
	fs.WriteFile("pod.yaml", []byte(pod))
	fs.WriteFile("kustomization.yaml", []byte("resources: [pod.yaml]\nimages: [{name: '"+name+"', newTag: NEW}]\n"))
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, ".")
	if err != nil {
		return err
	}
	text, _ := built.AsYaml()
	var found []string
	for _, m := range regexp.MustCompile(`image: (\S+)`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

func main() {
	for _, name := range []string{"redis", "redis|busybox", "(redis|busybox)", "*", "*busybox"} {
		fmt.Printf("%-15s %v\n", name, images(name))
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
