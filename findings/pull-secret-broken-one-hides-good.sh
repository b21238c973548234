#!/usr/bin/env bash
# Question: a pod has two pull secrets, and the one for another registry is broken. What then?
# The usual guess: the good one is used.
# Version: k8s.io/kubernetes v1.37.2, pkg/credentialprovider/secrets (the kubelet)
# Behavior: a secret with text that cannot be read is an error for all of them together. The
# error says neither which secret nor which entry it was. A secret that is empty, or of
# another type, or that has no "auths", is skipped without a word.
# Output seen:
#   auth is no base64: error: illegal base64 data at input byte 0
#   the same, type Opaque: good one used true
#   password is a number: error: json: cannot unmarshal number into Go struct field DockerConfigJSON.auths.password of type string
#   a comma too many: error: invalid character '}' looking for beginning of object key string
#   auths is a list: error: json: cannot unmarshal array into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig
#   empty: good one used true
#   no auths: good one used true
#   entry without auths around it: good one used true
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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
)

func secret(name, text string) corev1.Secret {
	s := corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(text)}}
	s.Name = name
	return s
}

func main() {
	good := secret("good", `{"auths":{"reg.example.com":{"username":"robot","password":"s"}}}`)
	opaque := secret("second", `{"auths":{"other.example.com":{"auth":"?"}}}`)
	opaque.Type = corev1.SecretTypeOpaque
	for _, c := range []struct {
		name string
		s    corev1.Secret
	}{
		{"auth is no base64", secret("second", `{"auths":{"other.example.com":{"auth":"?"}}}`)},
		{"the same, type Opaque", opaque},
		{"password is a number", secret("second", `{"auths":{"other.example.com":{"username":"robot","password":1234}}}`)},
		{"a comma too many", secret("second", `{"auths":{},}`)},
		{"auths is a list", secret("second", `{"auths":[]}`)},
		{"empty", secret("second", ``)},
		{"no auths", secret("second", `{"credsStore":"x"}`)},
		{"entry without auths around it", secret("second", `{"other.example.com":{"auth":"?"}}`)},
	} {
		ring, err := secrets.MakeDockerKeyring([]corev1.Secret{good, c.s}, &credentialprovider.BasicDockerKeyring{})
		if err != nil {
			fmt.Printf("%s: error: %v\n", c.name, err)
			continue
		}
		_, ok := ring.Lookup("reg.example.com/team/app")
		fmt.Printf("%s: good one used %v\n", c.name, ok)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
