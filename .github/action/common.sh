# What both steps of the action share. Written for bash 3.2, which is that of macOS.
# shellcheck shell=bash

# Ends the step. The words are ours alone: what a user wrote could hold a command for the runner.
fail() {
    printf '::error title=pullcheck::%s\n' "$*"
    exit 2
}

# Sets an output of the step, whatever its value holds: a delimiter that nobody can guess ends it.
output() {
    local delimiter
    delimiter=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    [[ ${#delimiter} -eq 32 ]] || fail "no random number to be had from /dev/urandom"
    printf '%s<<%s\n%s\n%s\n' "$1" "$delimiter" "$2" "$delimiter" >>"$GITHUB_OUTPUT"
}
