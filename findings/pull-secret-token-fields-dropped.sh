#!/usr/bin/env bash
# Question: which fields of an entry in a pull secret reach the container runtime?
# The usual guess: all that docker login writes, identitytoken and registrytoken too.
# Version: k8s.io/kubernetes v1.37.2, pkg/credentialprovider/secrets (the kubelet)
# Behavior: user name and password only. The token fields are not read, though the type that
# is handed on has a place for them. An entry with only a token, an empty entry, or null still
# counts as found: the pull goes on with an empty user. "auth" beats username and password.
# Output seen:
#   {"username":"robot","password":"s"} found true
#     user "robot" password "s" identitytoken "" registrytoken ""
#   {"auth":"cm9ib3Q6czE=","username":"other","password":"s2"} found true
#     user "robot" password "s1" identitytoken "" registrytoken ""
#   {"auth":"cm9ib3Q6","identitytoken":"t"} found true
#     user "robot" password "" identitytoken "" registrytoken ""
#   {"identitytoken":"t"} found true
#     user "" password "" identitytoken "" registrytoken ""
#   {"registrytoken":"t"} found true
#     user "" password "" identitytoken "" registrytoken ""
#   {"USERNAME":"robot","Password":"s"} found true
#     user "robot" password "s" identitytoken "" registrytoken ""
#   {} found true
#     user "" password "" identitytoken "" registrytoken ""
#   null found true
#     user "" password "" identitytoken "" registrytoken ""
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
	for _, entry := range []string{
		`{"username":"robot","password":"s"}`,
		`{"auth":"cm9ib3Q6czE=","username":"other","password":"s2"}`,
		`{"auth":"cm9ib3Q6","identitytoken":"t"}`,
		`{"identitytoken":"t"}`,
		`{"registrytoken":"t"}`,
		`{"USERNAME":"robot","Password":"s"}`,
		`{}`,
		`null`,
	} {
		ring, err := secrets.MakeDockerKeyring([]corev1.Secret{secret("pull", `{"auths":{"reg.example.com":`+entry+`}}`)}, &credentialprovider.BasicDockerKeyring{})
		if err != nil {
			fmt.Println(entry, "error:", err)
			continue
		}
		got, ok := ring.Lookup("reg.example.com/team/app")
		fmt.Printf("%s found %v\n", entry, ok)
		for _, g := range got {
			fmt.Printf("  user %q password %q identitytoken %q registrytoken %q\n", g.Username, g.Password, g.IdentityToken, g.RegistryToken)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
