#!/usr/bin/env bash
# Gets pullcheck: the release for this runner, or a build from the action's own source. Its path is the output `pullcheck`.
set -euo pipefail
# Nothing that is downloaded or built here has any use for it.
unset PULLCHECK_DOCKERCONFIGJSON
# shellcheck source=.github/action/common.sh
. "$GITHUB_ACTION_PATH/.github/action/common.sh"

# The version that stands beside this script.
own_version() {
    sed -n 's/^version = "\(.*\)"$/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1
}

# The triple that releases are named by; nothing where none is made for this runner.
target() {
    case $RUNNER_OS-$RUNNER_ARCH in
        Linux-X64) echo x86_64-unknown-linux-musl ;;
        Linux-ARM64) echo aarch64-unknown-linux-musl ;;
        macOS-X64) echo x86_64-apple-darwin ;;
        macOS-ARM64) echo aarch64-apple-darwin ;;
    esac
}

# Downloads $1 to the file $2. Status 1: there is no such file; anything else that goes wrong ends the step.
fetch() {
    local status protocols='=https'
    # A GitHub server of one's own may have no certificate; github.com has.
    [[ $server == http://* ]] && protocols='=http,https'
    status=$(curl --silent --show-error --location --proto "$protocols" --retry 3 --connect-timeout 20 --max-time 300 \
        --write-out '%{http_code}' --output "$2" -- "$1") || fail "the download of pullcheck $version failed"
    case $status in
        200) return 0 ;;
        404) return 1 ;;
        *) fail "the download of pullcheck $version was answered with the status $status" ;;
    esac
}

sha256() {
    local sum
    if command -v sha256sum >/dev/null; then sum=$(sha256sum <"$1"); else sum=$(shasum -a 256 <"$1"); fi
    printf '%s' "${sum%% *}"
}

# The checksum of the file $1 in the list $2; status 1 where it is not there.
listed_sum() {
    local sum name
    while read -r sum name; do
        # Lists say `*` before a file that was read in binary mode.
        if [[ ${name#\*} == "$1" ]]; then
            printf '%s' "$sum"
            return 0
        fi
    done <"$2"
    return 1
}

# Status 1: there is no release of the version for this runner.
download() {
    local archive sum base="$server/$repository/releases/download/v$version"
    [[ -n $repository && -n $target ]] || return 1
    command -v curl >/dev/null || fail "curl is needed to download pullcheck"
    archive="pullcheck-$version-$target.tar.gz"
    fetch "$base/SHA256SUMS" "$folder/SHA256SUMS" || return 1
    sum=$(listed_sum "$archive" "$folder/SHA256SUMS") || return 1
    fetch "$base/$archive" "$folder/$archive" || return 1
    [[ $(sha256 "$folder/$archive") == "$sum" ]] ||
        fail "$archive is not what SHA256SUMS of its release says: it was damaged on its way, or exchanged"
    tar -xzf "$folder/$archive" -C "$folder/bin" pullcheck || fail "$archive cannot be unpacked"
    echo "pullcheck $version for $target: downloaded, checksum verified"
}

build() {
    command -v cargo >/dev/null || fail "pullcheck $own has no release for this runner, and there is no cargo to build it"
    echo "pullcheck $own is built from source"
    # Not in the repository that is checked: rustup and cargo would obey files that a pull request brought.
    (cd "$GITHUB_ACTION_PATH" &&
        cargo install --locked --path . --root "$folder" --target-dir "$folder/target" --bin pullcheck)
    rm -rf "$folder/target"
}

[[ $RUNNER_OS == Linux || $RUNNER_OS == macOS ]] || fail "this action runs on Linux and macOS; elsewhere, install pullcheck with cargo"
own=$(own_version)
version=${INPUT_VERSION:-$own}
version=${version#v}
numbers='^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$'
[[ $version == source || $version =~ $numbers ]] || fail "version: write a number such as $own, or source"

server=${GITHUB_SERVER_URL:-https://github.com}
# Nothing for an action that was checked out by hand (uses: ./).
repository=${ACTION_REPOSITORY:-}
[[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || repository=
target=$(target)
folder=$(mktemp -d "$RUNNER_TEMP/pullcheck.XXXXXXXX")
mkdir "$folder/bin"

if [[ $version == source ]]; then
    build
elif ! download; then
    [[ $version == "$own" ]] || fail "there is no release $version for this runner, and this action's source is $own"
    build
fi
output pullcheck "$folder/bin/pullcheck"
