#!/usr/bin/env bash
# Question: a kustomization has newName and newTag for an image. What does "kustomize edit set image app:2" change,
# which Argo CD runs for kustomize.images of an Application?
# The usual guess: the tag; and of other entries nothing.
# Version: sigs.k8s.io/kustomize/kustomize/v5 v5.8.1 (which Argo CD 3.4 and 3.5 install)
# Behavior: the entry is replaced as a whole. app:2 drops the newName, app=NAME drops the tag; only app=*:2 keeps the
# name. The list is then sorted by name, and because each entry sees what the one before made, a list in which one
# entry leads to another builds another image, even after an override of something else.
# Output seen:
#   no override                         image: reg.example.com/app:1
#   app:2                               image: app:2
#   app=*:2                             image: reg.example.com/app:2
#   app=other.example.com/app           image: other.example.com/app:base
#   b to c, a to b: no override         image: b:base
#   b to c, a to b: other:2             image: c:base
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
sed -n '/^# Output seen:/,/^set /s/^#   //p' "$self" >want
cat >go.mod <<'EOF'
module finding

go 1.26

require sigs.k8s.io/kustomize/kustomize/v5 v5.8.1
EOF
GOWORK=off GOFLAGS=-mod=mod go build -o kustomize sigs.k8s.io/kustomize/kustomize/v5
built() { # what it is called, the pod's image, images:, overrides
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: "%s"}]}\n' "$2" >pod.yaml
    printf 'resources: [pod.yaml]\nimages: %s\n' "$3" >kustomization.yaml
    if [ $# -gt 3 ]; then ./kustomize edit set image "${@:4}"; fi
    printf '%-35s %s\n' "$1" "$(./kustomize build . | grep -o 'image: .*')"
}
{
    images='[{name: app, newName: reg.example.com/app, newTag: "1"}]'
    built 'no override' app:base "$images"
    for override in app:2 'app=*:2' app=other.example.com/app; do
        built "$override" app:base "$images" "$override"
    done
    images='[{name: b, newName: c}, {name: a, newName: b}]'
    built 'b to c, a to b: no override' a:base "$images"
    built 'b to c, a to b: other:2' a:base "$images" other:2
} >got
cat got
diff -u want got
