#!/bin/sh
# All C files are laid out as .clang-format says: format.sh [SOURCE_DIRECTORY]. To mend one: clang-format -i FILE
cd "${1:-$(dirname "$0")/../..}" || exit
find protocol guest-proxy host-bridge tests -name '*.[ch]' -print0 | xargs -0 -n 20 -P "$(nproc)" clang-format --dry-run -Werror
