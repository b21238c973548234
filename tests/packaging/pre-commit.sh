#!/usr/bin/env bash
# The hooks, by the real pre-commit on real git repositories: what passes, what fails, what is skipped, and what
# becomes of a user's own `args`.
#
#     tests/packaging/pre-commit.sh          with the program in PULLCHECK_BIN, by default that of the release build
#     tests/packaging/pre-commit.sh rust     as pre-commit builds it: a release build of everything
#
# Wants pre-commit, git, Python and docker-registry.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suffix=-system
if [[ ${1-} == rust ]]; then
    suffix=
else
    mkdir "$ground/bin"
    cp -- "${PULLCHECK_BIN:-$repository/target/release/pullcheck}" "$ground/bin/pullcheck"
    export PATH=$ground/bin:$PATH
fi

export PRE_COMMIT_HOME=$ground/pre-commit PRE_COMMIT_COLOR=never XDG_CACHE_HOME=$ground/cache
export GIT_CONFIG_GLOBAL=$ground/gitconfig GIT_CONFIG_NOSYSTEM=1
# Elsewhere pullcheck would write for GitHub.
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY
# Inside a hook of git these would lead to its repository.
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
git config --file "$ground/gitconfig" user.name nobody
git config --file "$ground/gitconfig" user.email nobody@example.invalid
git config --file "$ground/gitconfig" init.defaultBranch main

# The hooks' repository: what git knows of the working tree, as a commit.
hooks=$ground/hooks
mkdir "$hooks"
(cd "$repository" && git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$hooks")
git -C "$hooks" init --quiet
git -C "$hooks" add --all
git -C "$hooks" commit --quiet --message hooks
revision=$(git -C "$hooks" rev-parse HEAD)

# configure HOOK [ARGS]: the user's configuration, with one hook in it.
configure() {
    printf 'repos:\n  - repo: %s\n    rev: %s\n    hooks:\n      - id: %s\n        verbose: true\n' \
        "$hooks" "$revision" "$1$suffix" >.pre-commit-config.yaml
    if [[ -n ${2-} ]]; then printf '        args: %s\n' "$2" >>.pre-commit-config.yaml; fi
    git add .pre-commit-config.yaml
}

mkdir -p "$ground/shop/manifests"
cd "$ground/shop"
git init --quiet

shop=$repository/testdata/shop
cp "$shop/frontend.yaml" "$shop/db.yaml" manifests/
configure pullcheck
git add .
expect 0 pre-commit validate-manifest "$hooks/.pre-commit-hooks.yaml"
expect 0 pre-commit run --all-files
has Passed
has 'offline: no registry was contacted'

echo "# The shop" >README.md
git add README.md
expect 0 pre-commit run --files README.md
has Skipped

# Secret and pod are two files, and only one of them is committed.
cp "$shop/payments.json" manifests/
git add .
git commit --quiet --message "The shop"
expect 0 pre-commit install
cp "$shop/secrets.yaml" manifests/
git add .
expect 1 git commit --message "Pull secrets"
has Failed
has 'exit code: 1'
has 'error[wrong-secret-type]: the pull secret "payments-registry" has the type "Opaque"'
has 'manifests/payments.json'

# Arguments of the user's leave the hook what it is: offline, and content where there is nothing. The last one counts.
configure pullcheck '[--fail-on, error, --fail-on, never, --offline, manifests/frontend.yaml]'
expect 0 pre-commit run --all-files
has '1 file, '
has 'offline: no registry was contacted'

# Nothing left to check is no reason to refuse a commit.
git rm --quiet --force -r manifests
configure pullcheck
expect 0 pre-commit run --all-files
has Passed

start_registry
mkdir pods
pod "$registry/shop/web:1.0.0" >pods/web.yaml
configure pullcheck-registry "[--plain-http, '$registry', pods/]"
git add .
expect 0 pre-commit run --all-files
has '1 pullable'
pod "$registry/shop/web:1.O.0" >pods/web.yaml
git add .
expect 1 pre-commit run --all-files
has 'error[image-not-found]'
has 'did you mean `1.0.0`?'

printf '\nthe hooks hold\n'
