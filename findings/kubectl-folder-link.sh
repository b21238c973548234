#!/usr/bin/env bash
# Question: `manifests` is a symbolic link to a folder of manifests, and the folder holds a link to
# another folder. What does `kubectl apply -R -f manifests` read?
# The usual guess: all that the links lead to, or an error that speaks of a link.
# Version: k8s.io/cli-runtime v0.37.2, pkg/resource (what kubectl reads its -f with)
# Behavior: the link itself is opened as one file, which fails, as it is a folder. With a slash
# behind it the folder is read. A link to a file is followed, wherever it leads; a link to a folder
# inside is passed over without a word, with -R too.
# Output seen:
#   -f link: error parsing link: read link: is a directory
#   -f link/: config-map/direct config-map/linked-file
#   -R -f link/: config-map/direct config-map/linked-file
#   -R -f real: config-map/direct config-map/linked-file
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'END'
module finding

go 1.26

require k8s.io/cli-runtime v0.37.2
END
cat >main.go <<'END'
package main

import (
	"fmt"

	"k8s.io/cli-runtime/pkg/resource"
)

func main() {
	for _, c := range []struct {
		shown, path string
		recursive   bool
	}{
		{"-f link", "link", false},
		{"-f link/", "link/", false},
		{"-R -f link/", "link/", true},
		{"-R -f real", "real", true},
	} {
		result := resource.NewLocalBuilder().Unstructured().
			FilenameParam(false, &resource.FilenameOptions{Filenames: []string{c.path}, Recursive: c.recursive}).
			ContinueOnError().Flatten().Do()
		fmt.Printf("%s:", c.shown)
		err := result.Visit(func(info *resource.Info, err error) error {
			if err == nil {
				fmt.Printf(" config-map/%s", info.Name)
			}
			return err
		})
		if err != nil {
			fmt.Printf(" %v", err)
		}
		fmt.Println()
	}
}
END
mkdir real beside
object() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n' "$1"; }
object direct >real/a.yaml
object linked-file >beside/b.yaml
ln -s ../beside/b.yaml real/b.yaml
ln -s ../beside real/folder
ln -s real link
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
