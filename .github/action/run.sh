#!/usr/bin/env bash
# Runs pullcheck once, and tells the workflow what came of it. The step's status is that of pullcheck.
set -euo pipefail
# shellcheck source=.github/action/common.sh
. "$GITHUB_ACTION_PATH/.github/action/common.sh"

# Appends the lines of $1 that are not empty to the array `lines`, as they are.
split_lines() {
    local line
    lines=()
    while IFS= read -r line; do
        line=${line%$'\r'}
        [[ -z $line ]] || lines+=("$line")
    done <<<"$1"
}

# Sets the outputs for the counts in the JSON report $1. Its summary comes before any text that a manifest could have
# brought, one count on each line.
output_counts() {
    local line inside='' count='^    "([a-z_]+)": ([0-9]+),?$'
    while IFS= read -r line; do
        if [[ -z $inside ]]; then
            [[ $line != '  "summary": {' ]] || inside=yes
            continue
        fi
        [[ $line =~ $count ]] || return 0
        case ${BASH_REMATCH[1]} in
            errors | warnings | notes | pullable | failing | unverified)
                output "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" ;;
            unique_images) output images "${BASH_REMATCH[2]}" ;;
        esac
    done <"$1"
}

folder=$(mktemp -d "$RUNNER_TEMP/pullcheck.XXXXXXXX")
json=$folder/pullcheck.json
sarif=${INPUT_SARIF_FILE:-$folder/pullcheck.sarif}

arguments=("--output=sarif=$sarif" "--output=json=$json")
[[ -z $INPUT_FORMAT ]] || arguments+=("--format=$INPUT_FORMAT")
[[ -z $INPUT_FAIL_ON ]] || arguments+=("--fail-on=$INPUT_FAIL_ON")
[[ -z $INPUT_CONFIG ]] || arguments+=("--config=$INPUT_CONFIG")
case $INPUT_OFFLINE in
    true) arguments+=(--offline) ;;
    false | '') ;;
    *) fail "offline: write true or false" ;;
esac
# An empty array is unset to bash 3.2.
split_lines "$INPUT_ARGS"
arguments+=(${lines[@]+"${lines[@]}"})
# Behind the two dashes nothing is an option, whatever a path looks like.
split_lines "$INPUT_PATHS"
arguments+=(-- ${lines[@]+"${lines[@]}"})

status=0
"$PULLCHECK" "${arguments[@]}" </dev/null || status=$?

output exit-status "$status"
# Without a report there is neither: an older file in its place would tell of another run.
if [[ -f $json ]]; then
    output_counts "$json"
    output sarif-file "$sarif"
    output json-file "$json"
fi
exit "$status"
