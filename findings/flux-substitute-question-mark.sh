#!/usr/bin/env bash
# Question: Flux substitutes ${tag} and the like in what it builds (spec.postBuild). What are ${tag:?say a tag},
# ${tag:+-alpine}, ${tag-latest} and ${tag:-${other}}?
# The usual guess: what they are in Bash: an error if tag is not set; -alpine only if it is; latest only if it is not;
# and other does not matter where tag is set.
# Version: github.com/fluxcd/pkg/envsubst v1.7.0 (kustomize-controller 1.9, Flux 2.9)
# Behavior: :? and :+ are defaults like :-, so that the words of the error are deployed as the tag, and the addition
# takes the place of nothing. ${tag-latest} does not parse. An unset variable in a default that is not used fails the
# strict mode, which is on since Flux 2.9.
# Output seen:
#   ${set}                lenient "1.2"        strict "1.2"
#   ${unset}              lenient ""           strict variable not set (strict mode): "unset"
#   ${unset:?say a tag}   lenient "say a tag"  strict "say a tag"
#   ${set:+-alpine}       lenient "1.2"        strict "1.2"
#   ${unset:+-alpine}     lenient "-alpine"    strict "-alpine"
#   ${unset-latest}       lenient missing closing brace strict missing closing brace
#   ${set:-${unset}}      lenient "1.2"        strict variable not set (strict mode): "unset"
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26

require github.com/fluxcd/pkg/envsubst v1.7.0
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/fluxcd/pkg/envsubst"
)

func eval(text string, strict bool) string {
	vars := map[string]string{"set": "1.2"}
	out, err := envsubst.Eval(text, func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok || !strict
	})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", out)
}

func main() {
	for _, text := range []string{
		"${set}", "${unset}", "${unset:?say a tag}", "${set:+-alpine}", "${unset:+-alpine}", "${unset-latest}",
		"${set:-${unset}}",
	} {
		fmt.Printf("%-21s lenient %-12s strict %s\n", text, eval(text, false), eval(text, true))
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
