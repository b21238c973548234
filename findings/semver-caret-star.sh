#!/usr/bin/env bash
# Question: which versions of a chart do the ranges *, ^*, ~* and ~0.0.0 take, for Helm, Flux and Argo CD?
# The usual guess: *, ^* and ~* any version, as the comments of the library say; ~0.0.0 patches of 0.0 only.
# Version: github.com/Masterminds/semver/v3 v3.5.0 (Helm 3.22, Helm 4.2)
# Behavior: ^* takes 0.0.0 alone, and <=* nothing above 0.0: the star counts as 0.0.0 there. ~0.0.0 takes every version,
# and ~0.0 those of 0.0.
# Output seen:
#   *       0.0.0 0.0.9 0.5.0 1.0.0 18.2.1
#   ~*      0.0.0 0.0.9 0.5.0 1.0.0 18.2.1
#   ^*      0.0.0
#   <=*     0.0.0 0.0.9
#   ~0.0.0  0.0.0 0.0.9 0.5.0 1.0.0 18.2.1
#   ~0.0    0.0.0 0.0.9
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26

require github.com/Masterminds/semver/v3 v3.5.0
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
)

func main() {
	for _, text := range []string{"*", "~*", "^*", "<=*", "~0.0.0", "~0.0"} {
		constraint, err := semver.NewConstraint(text)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%-7s", text)
		for _, version := range []string{"0.0.0", "0.0.9", "0.5.0", "1.0.0", "18.2.1"} {
			if constraint.Check(semver.MustParse(version)) {
				fmt.Print(" ", version)
			}
		}
		fmt.Println()
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
