#!/bin/sh
# viewer.sh FOLDER: puts viewer.js and viewer.css there, what /docs shows openapi.json with (swagger-ui-dist, of the
# version in package-lock.json). Where npm is missing, or cannot fetch it, both are empty, and the page lists the
# operations by itself; `make clean` is what makes another attempt.
set -eu
to=$(cd "$1" && pwd)
cd "$(dirname "$0")"
from=node_modules/swagger-ui-dist
if command -v npm >/dev/null 2>&1; then
    [ node_modules/.package-lock.json -nt package-lock.json ] ||
        timeout 60 npm ci --ignore-scripts --fetch-retries 0 --no-audit --no-fund --silent >/dev/null 2>&1 || true
fi
if [ -s $from/swagger-ui-bundle.js ] && [ -s $from/swagger-ui.css ]; then
    cp $from/swagger-ui-bundle.js "$to/viewer.js"
    cp $from/swagger-ui.css "$to/viewer.css"
else
    : >"$to/viewer.js"
    : >"$to/viewer.css"
fi
