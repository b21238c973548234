#!/usr/bin/env bash
# Question: which images does a key of a pull secret cover when it has a path or a wildcard?
# The usual guess: whole path components, and *.acme.test covers acme.test and what is below.
# Version: k8s.io/kubernetes v1.37.2, pkg/credentialprovider (the kubelet)
# Behavior: the path is compared as a string, so ".../te" covers ".../team/app" too. A key
# that ends in "/" covers whole components. The wildcard stands for exactly one label: not for
# none, not for two. A port must be written on both sides, also 443.
# Output seen:
#   key reg.example.com/te image reg.example.com/team/app: true
#   key reg.example.com/te/ image reg.example.com/team/app: false
#   key reg.example.com/team/ image reg.example.com/team/app: true
#   key reg.example.com/team/app image reg.example.com/team/app-debug: true
#   key *.acme.test image reg.acme.test/app: true
#   key *.acme.test image acme.test/app: false
#   key *.acme.test image a.reg.acme.test/app: false
#   key reg.example.com:443 image reg.example.com/app: false
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
		{"reg.example.com/te", "reg.example.com/team/app"},
		{"reg.example.com/te/", "reg.example.com/team/app"},
		{"reg.example.com/team/", "reg.example.com/team/app"},
		{"reg.example.com/team/app", "reg.example.com/team/app-debug"},
		{"*.acme.test", "reg.acme.test/app"},
		{"*.acme.test", "acme.test/app"},
		{"*.acme.test", "a.reg.acme.test/app"},
		{"reg.example.com:443", "reg.example.com/app"},
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
