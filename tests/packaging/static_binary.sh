#!/usr/bin/env bash
# The static program in a root that holds nothing but itself, a bundle of authorities and manifests, as nobody and without an
# environment: what the container image is.
#
#     tests/packaging/static_binary.sh [PROGRAM]    by default the release build for x86_64-unknown-linux-musl
#
# Wants root (for chroot), openssl, Python and docker-registry.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

program=${1:-$repository/target/x86_64-unknown-linux-musl/release/pullcheck}
if ldd "$program" 2>/dev/null | grep '=>'; then fault "$program is not static"; fi

root=$ground/root
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/manifests"
cp -- "$program" "$root/usr/bin/pullcheck"
cp -r "$repository/testdata/shop" "$root/manifests/"
chmod 711 "$ground"
inside() { expect "$1" env -i "$(command -v chroot)" --userspec=65532:65532 "$root" /usr/bin/pullcheck "${@:2}"; }

# An authority, and a server's certificate by it.
certificates=$ground/certificates
mkdir "$certificates"
(
    cd "$certificates"
    new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc)
    openssl req -x509 "${new_key[@]}" -keyout ca.key -out ca.pem -subj '/CN=Acme CA' -days 2 \
        -addext 'keyUsage=critical,keyCertSign' 2>/dev/null
    openssl req "${new_key[@]}" -keyout server.key -out server.csr -subj '/CN=registry' 2>/dev/null
    printf 'subjectAltName=DNS:registry.acme.example\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >extensions
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 1 -extfile extensions -out server.pem 2>/dev/null
)
bundle=$root/etc/ssl/certs/ca-certificates.crt
cp "$certificates/ca.pem" "$bundle"

inside 0 --version
has 'pullcheck '
inside 1 --offline --format plain /manifests/shop
has 'error[wrong-secret-type]'

start_registry "$certificates/server.pem" "$certificates/server.key"
host=registry.acme.example:${registry#*:}
pod "$host/shop/web:1.0.0" >"$root/manifests/web.yaml"
connect=(--connect-to "$host=$registry")
inside 0 --fail-on-unverified "${connect[@]}" /manifests/web.yaml
has '1 pullable'
pod "$host/shop/web:2.0.0" >"$root/manifests/gone.yaml"
inside 1 --format plain "${connect[@]}" /manifests/gone.yaml
has 'error[image-not-found]'

# Without a bundle the authorities are those that are compiled in, and the operator's.
mv "$bundle" "$root/ca.pem"
inside 4 --format plain --fail-on-unverified "${connect[@]}" /manifests/web.yaml
has 'untrusted-certificate'
inside 0 --fail-on-unverified --ca-cert /ca.pem "${connect[@]}" /manifests/web.yaml
has '1 pullable'

# No resolver is configured: a name that cannot be looked up is no absence of the image.
pod registry.invalid/shop/web:1.0.0 >"$root/manifests/nowhere.yaml"
inside 4 --format plain --fail-on-unverified /manifests/nowhere.yaml
has 'unverified-image'

[[ ! -e $root/root && ! -e $root/.cache ]] || fault "something was written"
printf '\nthe static program holds\n'
