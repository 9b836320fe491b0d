#!/bin/sh
# That shellcheck has nothing to say of the scripts, but for what .shellcheckrc lists: shell.sh [SOURCE_DIRECTORY]
cd "${1:-$(dirname "$0")/../..}" || exit
find examples host-bridge tests tools units .ci \( -name '*.sh' -o -name PKGBUILD -o -path .ci/run \) -print0 | xargs -0 -n 6 -P "$(nproc)" shellcheck
