#!/usr/bin/env bash
# Question: an image is pinned as app:latest@sha256:... Which pull policy is the default?
# The usual guess: IfNotPresent. The digest pins it, and the tag is only for people.
# Version: k8s.io/kubernetes v1.37.2, pkg/apis/core/v1 (defaults of the API server)
# Behavior: Always, as for app:latest. With the digest alone it is IfNotPresent. A name that
# cannot be parsed is IfNotPresent too, even with :latest in it, and so is an empty name.
# Output seen:
#   reg.example.com/app: Always
#   reg.example.com/app:latest: Always
#   reg.example.com/app:1.0: IfNotPresent
#   reg.example.com/app@sha256:...: IfNotPresent
#   reg.example.com/app:latest@sha256:...: Always
#   reg.example.com/app:1.0@sha256:...: IfNotPresent
#   reg.example.com/App:latest: IfNotPresent
#   reg.example.com:5000: IfNotPresent
#   : IfNotPresent
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
	k8s.io/api v0.37.2
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
	"strings"

	corev1 "k8s.io/api/core/v1"
	defaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

func main() {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for _, image := range []string{
		"reg.example.com/app", "reg.example.com/app:latest", "reg.example.com/app:1.0",
		"reg.example.com/app" + digest, "reg.example.com/app:latest" + digest, "reg.example.com/app:1.0" + digest,
		"reg.example.com/App:latest", "reg.example.com:5000", "",
	} {
		c := corev1.Container{Image: image}
		defaults.SetDefaults_Container(&c)
		fmt.Printf("%s: %s\n", strings.ReplaceAll(image, digest, "@sha256:..."), c.ImagePullPolicy)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
