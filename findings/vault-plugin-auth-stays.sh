#!/usr/bin/env bash
# Question: a Secret holds a docker configuration in base64, with placeholders of argocd-vault-plugin for user and
# password. Does it matter whether they stand in username and password, or in auth?
# The usual guess: no. The plugin decodes the base64 of a Secret, so it finds them in both.
# Version: github.com/argoproj-labs/argocd-vault-plugin v1.18.1
# Behavior: it decodes once. What is in base64 again, as every auth is, stays as it was, without an error: the kubelet
# then sends the placeholder as the password, as auth goes before username and password.
# Output seen:
#   username and password: {"auths":{"reg":{"username":"ops","password":"s3cret"}}}
#   auth: auth = <path:kv#user>:<path:kv#token>
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
	github.com/argoproj-labs/argocd-vault-plugin v1.18.1
	k8s.io/apimachinery v0.29.1
)
EOF
cat >main.go <<'EOF'
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/argoproj-labs/argocd-vault-plugin/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type store struct{}

func (store) Login() error { return nil }
func (store) GetSecrets(path, version string, annotations map[string]string) (map[string]interface{}, error) {
	return map[string]interface{}{"user": "ops", "token": "s3cret"}, nil
}
func (store) GetIndividualSecret(path, secret, version string, annotations map[string]string) (interface{}, error) {
	all, _ := store{}.GetSecrets(path, version, annotations)
	return all[secret], nil
}

func main() {
	auth := base64.StdEncoding.EncodeToString([]byte("<path:kv#user>:<path:kv#token>"))
	configs := map[string]string{
		"username and password": `{"auths":{"reg":{"username":"<path:kv#user>","password":"<path:kv#token>"}}}`,
		"auth":                  `{"auths":{"reg":{"auth":"` + auth + `"}}}`,
	}
	for _, name := range []string{"username and password", "auth"} {
		object := unstructured.Unstructured{Object: map[string]interface{}{
			"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
			"metadata": map[string]interface{}{"name": "regcred"},
			"data":     map[string]interface{}{".dockerconfigjson": base64.StdEncoding.EncodeToString([]byte(configs[name]))},
		}}
		template, err := kube.NewTemplate(object, store{}, regexp.MustCompile(".*"))
		if err == nil {
			err = template.Replace()
		}
		if err != nil {
			fmt.Println(name, "error:", err)
			os.Exit(1)
		}
		data := template.TemplateData["data"].(map[string]interface{})[".dockerconfigjson"].(string)
		filled, _ := base64.StdEncoding.DecodeString(data)
		text := string(filled)
		if at := strings.Index(text, `"auth":"`); at >= 0 {
			inner, _ := base64.StdEncoding.DecodeString(strings.Split(text[at+8:], `"`)[0])
			text = "auth = " + string(inner)
		}
		fmt.Printf("%s: %s\n", name, text)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
