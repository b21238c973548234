#!/usr/bin/env bash
# The wheel: what is in it, and that pip and pipx make a command of it that works. Nothing is fetched but
# pip itself, by pipx.
#
#     tests/packaging/wheel.sh [TARGET]      by default x86_64-unknown-linux-musl
#
# Wants maturin, pipx and Python.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

target=${1:-x86_64-unknown-linux-musl}
# A static program runs with either libc.
compatibility=()
if [[ $target == *-linux-musl ]]; then compatibility=(--compatibility manylinux2014 musllinux_1_1); fi

# Maturin takes the program away from where Cargo has put it.
program=$repository/target/$target/release/pullcheck
expect 0 cargo build --quiet --locked --release --bin pullcheck --manifest-path "$repository/Cargo.toml" --target "$target"
cp -- "$program" "$ground/pullcheck"

cd "$repository/.packaging"
expect 0 maturin build --release --locked --target "$target" "${compatibility[@]}" --out "$ground/wheels"
[[ -e $program ]] || cp -- "$ground/pullcheck" "$program"
wheels=("$ground"/wheels/*.whl)
[[ ${#wheels[@]} == 1 ]] || fault "not one wheel: ${wheels[*]}"

cd "$ground"
expect 0 python3 -m zipfile --list "${wheels[0]}"
has /scripts/pullcheck
has /licenses/LICENSE
lacks .py

export PIP_DISABLE_PIP_VERSION_CHECK=1
python3 -m venv "$ground/fresh"
expect 0 "$ground/fresh/bin/pip" install --no-index "${wheels[0]}"
cmp "$ground/fresh/bin/pullcheck" "$ground/pullcheck" || fault "the wheel holds another program than the archives"
expect 0 "$ground/fresh/bin/pullcheck" --version
expect 1 "$ground/fresh/bin/pullcheck" --offline --format plain \
    "$repository/testdata/shop/secrets.yaml" "$repository/testdata/shop/payments.json"
has 'error[wrong-secret-type]'

export PIPX_HOME=$ground/pipx
expect 0 pipx run --spec "${wheels[0]}" pullcheck --version
has 'pullcheck '

printf '\nthe wheel holds\n'
