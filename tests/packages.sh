#!/bin/sh
# packages.sh NAME ...: installs the Debian packages that are missing. Quiet and without network where none is.
# As root, else through sudo; without either it prints the line to run and fails.
set -eu
missing=""
for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "missing Debian packages; run as root: apt-get install -y$missing" >&2
    exit 1
fi
echo "installing:$missing"
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
