#!/usr/bin/env bash
# Question: a Docker config has the key reg.example.com/other. Whose password is it for docker?
# The usual guess: that path only, as for the kubelet and for CRI-O.
# Version: github.com/docker/cli v29.9.3, cli/config/credentials
# Behavior: the whole registry. All after the first "/" of a key is cut off, with a scheme or
# without. An exact key goes first. No wildcard is known, and no port is implied.
# Output seen:
#   keys reg.example.com/other, server reg.example.com: user "u1" <nil>
#   keys https://reg.example.com/v2, server reg.example.com: user "u1" <nil>
#   keys reg.example.com/other reg.example.com, server reg.example.com: user "u2" <nil>
#   keys *.acme.test, server reg.acme.test: user "" <nil>
#   keys reg.example.com:443, server reg.example.com: user "" <nil>
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
	github.com/docker/cli v29.9.3+incompatible
)
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
)

func main() {
	for _, c := range []struct{ keys, server string }{
		{"reg.example.com/other", "reg.example.com"},
		{"https://reg.example.com/v2", "reg.example.com"},
		{"reg.example.com/other reg.example.com", "reg.example.com"},
		{"*.acme.test", "reg.acme.test"},
		{"reg.example.com:443", "reg.example.com"},
	} {
		file := configfile.New("config.json")
		var entries []string
		for i, k := range strings.Fields(c.keys) {
			entries = append(entries, fmt.Sprintf(`%q:{"auth":%q}`, k, []string{"dTE6cw==", "dTI6cw=="}[i]))
		}
		if err := file.LoadFromReader(strings.NewReader(`{"auths":{` + strings.Join(entries, ",") + `}}`)); err != nil {
			panic(err)
		}
		got, err := credentials.NewFileStore(file).Get(c.server)
		fmt.Printf("keys %s, server %s: user %q %v\n", c.keys, c.server, got.Username, err)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
