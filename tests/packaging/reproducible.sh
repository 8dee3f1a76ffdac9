#!/bin/bash
# Builds the committed tree twice and compares the packages; see the verb in the Makefile.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d /var/tmp/meats-reproducible.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
for side in one another-and-longer; do
    mkdir "$work/$side"
    git archive HEAD | tar -x -C "$work/$side"
done

echo "first build: $(id -un), TZ=UTC, LC_ALL=C, umask 022"
( cd "$work/one"; umask 022; TZ=UTC LC_ALL=C make --no-print-directory deb >"$work/one.log" 2>&1 ) \
    || { tail -20 "$work/one.log"; exit 1; }


home=$work/home
mkdir -p "$home/crates/registry"
cp -r "${CARGO_HOME:-$HOME/.cargo}/registry"/{index,cache} "$home/crates/registry/"
cp "$(command -v cargo-deb)" "$home/"
sysroot=$(rustc --print sysroot)
user=()
chown -R 65534:65534 "$home" "$work/another-and-longer"
if setpriv --reuid 65534 --regid 65534 --clear-groups "$sysroot/bin/rustc" -V >/dev/null 2>&1; then
    user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi
echo "second build: $("${user[@]}" id -u), TZ=Pacific/Chatham, LC_ALL=C.UTF-8, umask 077"
( cd "$work/another-and-longer"; umask 077
  TZ=Pacific/Chatham LC_ALL=C.UTF-8 HOME=$home CARGO_HOME=$home/crates CARGO_NET_OFFLINE=true \
  PATH=$home:$sysroot/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      "${user[@]}" make --no-print-directory deb >"$work/two.log" 2>&1 ) \
    || { tail -20 "$work/two.log"; exit 1; }

sha256sum "$work"/*/target/debian/*.deb | sed "s|$work/||"
if cmp "$work"/*/target/debian/*.deb; then
    echo 'the same bytes'
else
    rm -rf target/reproducible
    mkdir -p target/reproducible/{one,two}
    dpkg-deb -R "$work"/one/target/debian/*.deb target/reproducible/one/x
    dpkg-deb -R "$work"/another-and-longer/target/debian/*.deb target/reproducible/two/x
    diff -rq target/reproducible/one target/reproducible/two || true
    echo 'both are in target/reproducible, unpacked; diffoscope tells more' >&2
    exit 1
fi
