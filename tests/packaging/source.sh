#!/bin/bash
# Makes the source package in target/source: the committed tree with the crates it links in vendor/.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(dpkg-parsechangelog -SVersion)
out=$PWD/target/source
rm -rf "$out"
mkdir -p "$out/projectmeats-fixes-$version"
git archive HEAD | tar -x -C "$out/projectmeats-fixes-$version"
cd "$out/projectmeats-fixes-$version"
cargo vendor --quiet --locked --versioned-dirs vendor >/dev/null
cd ..
tar --sort=name --mtime="@$(dpkg-parsechangelog -l "projectmeats-fixes-$version/debian/changelog" -STimestamp)" \
    --owner=0 --group=0 --numeric-owner --exclude="projectmeats-fixes-$version/debian" \
    -cJf "projectmeats-fixes_${version%-*}.orig.tar.xz" "projectmeats-fixes-$version"
dpkg-source --build "projectmeats-fixes-$version"
ls -l ./*.dsc ./*.tar.xz
