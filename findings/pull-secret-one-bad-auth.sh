#!/usr/bin/env bash
# Question: one of two entries in a pull secret has a small flaw in its "auth". Which are used?
# The usual guess: the other entry still works. White space in base64 matters always or never.
# Version: k8s.io/kubernetes v1.37.2, pkg/credentialprovider (the kubelet)
# Behavior: no entry is used, the reader fails as a whole, and the error names no entry. A
# line break in or after the value is fine, a space after it is not. Missing padding is fine,
# padding that should not be there is not. A value without a colon drops all entries too.
# Output seen:
#   auth "cm9ib3Q6czE=": 2 entries, error: <nil>
#   auth "cm9ib3Q6czE": 2 entries, error: <nil>
#   auth "cm9i\nb3Q6czE=\n": 2 entries, error: <nil>
#   auth "cm9ib3Q6czE= ": 0 entries, error: error occurred while trying to unmarshal json
#   auth "cm9ib3Q6czE \n": 0 entries, error: error occurred while trying to unmarshal json
#   auth "cm9ib3Q6czEy=": 0 entries, error: error occurred while trying to unmarshal json
#   auth "cm9ib3Q=": 0 entries, error: error occurred while trying to unmarshal json
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
	"encoding/json"
	"fmt"

	"k8s.io/kubernetes/pkg/credentialprovider"
)

func main() {
	for _, auth := range []string{
		"cm9ib3Q6czE=", "cm9ib3Q6czE", "cm9i\nb3Q6czE=\n", "cm9ib3Q6czE= ", "cm9ib3Q6czE \n", "cm9ib3Q6czEy=", "cm9ib3Q=",
	} {
		text, _ := json.Marshal(map[string]any{
			"reg.example.com":   map[string]string{"auth": auth},
			"other.example.com": map[string]string{"username": "robot", "password": "s2"},
		})
		cfg, err := credentialprovider.ReadDockerConfigFileFromBytes(text)
		fmt.Printf("auth %q: %d entries, error: %v\n", auth, len(cfg), err)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
