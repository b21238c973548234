#!/usr/bin/env bash
# Question: for which registries does go-containerregistry use plain HTTP on its own?
# The usual guess: for localhost and 127.0.0.1, as Docker does. Else name.Insecure is needed.
# Version: github.com/google/go-containerregistry v0.22.1, pkg/name
# Behavior: also for every name that ends in .localhost, and for the IPv4 addresses of private
# networks. The port does not matter: port 443 does not bring HTTPS, port 80 not HTTP. A
# private IPv6 address (fd00::/8) is asked with HTTPS, and so is a name in .local.
# Output seen:
#   localhost:5000: http
#   127.0.0.1:5000: http
#   reg.example.com: https
#   reg.example.com:80: https
#   reg.example.local: https
#   reg.example.local:443: https
#   reg.localhost: http
#   reg.internal: https
#   10.1.2.3: http
#   172.16.0.9:443: http
#   192.168.1.9: http
#   [::1]:5000: http
#   [fd00::9]:5000: https
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
	github.com/google/go-containerregistry v0.22.1
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
)

func main() {
	for _, s := range []string{
		"localhost:5000", "127.0.0.1:5000", "reg.example.com", "reg.example.com:80", "reg.example.local", "reg.example.local:443",
		"reg.localhost", "reg.internal", "10.1.2.3", "172.16.0.9:443", "192.168.1.9", "[::1]:5000", "[fd00::9]:5000",
	} {
		r, err := name.NewRegistry(s)
		if err != nil {
			fmt.Printf("%s: %v\n", s, err)
			continue
		}
		fmt.Printf("%s: %s\n", s, r.Scheme())
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
