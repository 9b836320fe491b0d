#!/bin/sh
# All C files are laid out as .clang-format says: format.sh [SOURCE_DIRECTORY]. To mend one: clang-format -i FILE
# Each release of clang-format has its own idea of it; Debian 12's counts. Exit status 77: this is another one.
cd "${1:-$(dirname "$0")/../..}" || exit
case $(clang-format --version) in
*' 14.'*) ;;
*)
    echo "not checked: this is $(clang-format --version), not version 14"
    exit 77
    ;;
esac
find protocol guest-proxy host-bridge tests examples -name '*.[ch]' -print0 | xargs -0 -n 20 -P "$(nproc)" clang-format --dry-run -Werror
