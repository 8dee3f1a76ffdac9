#!/bin/bash
# repo.sh KEY [DIRECTORY]: a signed archive with the packages of target/debian, for apt. KEY is the
# id or address of an OpenPGP key of the caller's; its public part is laid beside as projectmeats.pgp.
set -euo pipefail
key=${1:?the id of the key that signs is missing}
cd "$(dirname "$0")/../.."
debs=$(realpath "${DEBS:-target/debian}")
out=${2:-target/repo}
mkdir -p "$out/pool/main"
cp "$debs"/projectmeats-fixes_*.deb "$out/pool/main/"
cd "$out"
suite=dists/stable
architectures=
for architecture in amd64 arm64; do
    ls pool/main/*_$architecture.deb >/dev/null 2>&1 || continue
    architectures="$architectures $architecture"
    dir=$suite/main/binary-$architecture
    mkdir -p "$dir"
    apt-ftparchive --arch $architecture packages pool >"$dir/Packages"
    xz -kf "$dir/Packages"
done
name="-o APT::FTPArchive::Release"
# under another name first: the list must not contain itself
apt-ftparchive $name::Origin=ProjectMeats $name::Label=ProjectMeats $name::Suite=stable \
    $name::Codename=stable "$name::Architectures=${architectures# }" $name::Components=main \
    release $suite >Release.new
mv Release.new $suite/Release
gpg --batch --yes --local-user "$key" --clearsign -o $suite/InRelease $suite/Release
gpg --batch --yes --local-user "$key" --armor --detach-sign -o $suite/Release.gpg $suite/Release
gpg --batch --yes --export -o projectmeats.pgp "$key"
cat >projectmeats.sources <<END
Types: deb
URIs: file:$PWD
Suites: stable
Components: main
Signed-By: $PWD/projectmeats.pgp
END
echo "made $PWD; for apt: cp $PWD/projectmeats.sources /etc/apt/sources.list.d/"
