#!/usr/bin/env bash
# Question: what is the registry of ACME/app:1.0?
# The usual guess: Docker Hub, or an error, since names must be lower case.
# Version: github.com/distribution/reference v0.6.0
# Behavior: the host ACME. A first part with a capital in it counts as a host name, without
# any dot or port. acme/app is on Docker Hub. A host with a dot but without a path is no host:
# reg.example.com:5000 is the image reg.example.com of Docker Hub with the tag 5000.
# Output seen:
#   acme/app:1.0: host docker.io, path acme/app, tag 1.0
#   ACME/app:1.0: host ACME, path app, tag 1.0
#   Acme/team/app: host Acme, path team/app, tag latest
#   acme/App: invalid reference format: repository name (acme/App) must be lowercase
#   reg.example.com:5000: host docker.io, path library/reg.example.com, tag 5000
#   reg.example.com:5000/app: host reg.example.com:5000, path app, tag latest
#   localhost/app: host localhost, path app, tag latest
#   localhost: host docker.io, path library/localhost, tag latest
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
	github.com/distribution/reference v0.6.0
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/distribution/reference"
)

func main() {
	for _, s := range []string{"acme/app:1.0", "ACME/app:1.0", "Acme/team/app", "acme/App", "reg.example.com:5000", "reg.example.com:5000/app", "localhost/app", "localhost"} {
		n, err := reference.ParseNormalizedNamed(s)
		if err != nil {
			fmt.Printf("%s: %v\n", s, err)
			continue
		}
		n = reference.TagNameOnly(n)
		fmt.Printf("%s: host %s, path %s, tag %s\n", s, reference.Domain(n), reference.Path(n), n.(reference.Tagged).Tag())
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
