#!/bin/sh
# Stands in for helm, kustomize or kubectl: what it does stands in a file beside the link by which it is called.
. "$0.script"
