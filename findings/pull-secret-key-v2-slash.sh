#!/usr/bin/env bash
# Question: does the slash at the end of https://reg.example.com/v2/ matter in a pull secret?
# The usual guess: no, it is the address of the registry either way.
# Version: k8s.io/kubernetes v1.37.2, pkg/credentialprovider (the kubelet)
# Behavior: with the slash, /v1/ and /v2/ are cut off and the key covers the registry. Without
# it, "/v2" is a path that the name of the image must begin with, so the key covers nothing
# that anybody pulls. The same holds for Docker Hub. What follows "/v2/" stays as a path.
# Output seen:
#   key https://reg.example.com/v2/ image reg.example.com/team/app: true
#   key https://reg.example.com/v2 image reg.example.com/team/app: false
#   key https://reg.example.com/v2 image reg.example.com/v2tools/app: true
#   key https://reg.example.com/v2/team image reg.example.com/team/app: true
#   key https://reg.example.com/api/ image reg.example.com/team/app: false
#   key https://index.docker.io/v1/ image library/busybox: true
#   key https://index.docker.io/v1 image library/busybox: false
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
	k8s.io/kubernetes v1.37.2
)
EOF
for m in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator \
	component-base component-helpers controller-manager cri-api cri-client cri-streaming csi-translation-lib dynamic-resource-allocation endpointslice \
	externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics \
	mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller streaming; do
	echo "replace k8s.io/$m => k8s.io/$m v0.37.2" >>go.mod
done
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"k8s.io/kubernetes/pkg/credentialprovider"
)

func main() {
	for _, c := range []struct{ key, image string }{
		{"https://reg.example.com/v2/", "reg.example.com/team/app"},
		{"https://reg.example.com/v2", "reg.example.com/team/app"},
		{"https://reg.example.com/v2", "reg.example.com/v2tools/app"},
		{"https://reg.example.com/v2/team", "reg.example.com/team/app"},
		{"https://reg.example.com/api/", "reg.example.com/team/app"},
		{"https://index.docker.io/v1/", "library/busybox"},
		{"https://index.docker.io/v1", "library/busybox"},
	} {
		ring := &credentialprovider.BasicDockerKeyring{}
		ring.Add(nil, credentialprovider.DockerConfig{c.key: {Username: "robot", Password: "s"}})
		_, ok := ring.Lookup(c.image)
		fmt.Printf("key %s image %s: %v\n", c.key, c.image, ok)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
