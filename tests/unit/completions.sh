#!/bin/bash
# Completion of each program's command line offers what its --help has. usage: completions.sh BUILD_ROOT PROGRAM...
set -u
build=$1
shift

fail() {
    echo "$*"
    exit 1
}

# completed WORD...: what bash offers for the last word, sorted.
completed() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    "_${1//-/_}"
    ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}" | sort
}

for program; do
    name=${program##*/}
    [ "$name" != wayferry-host ] || host=$program
    help=$("$program" --help) || fail "$program --help fails"
    options=$(sed -nE 's/^  (--[a-z0-9-]+).*/\1/p' <<<"$help" | sort)
    commands=$(sed -nE 's/^  ([a-z][a-z-]*)( [A-Z]+)?$/\1/p' <<<"$help" | sort)
    . "$build/tools/$name" || fail "$name: bash does not take its completion"
    [ "$(completed "$name" --)" = "$options" ] || fail "$name: the options are not those of --help"
    [ "$(completed "$name" "")" = "$(printf '%s\n' "$options" "$commands" | sed '/^$/d' | sort)" ] ||
        fail "$name: the commands are not those of --help"
    for word in $(completed "$name" --log-level ""); do
        grep -qE "\b$word\b" <<<"$help" || fail "$name: --log-level $word is not in --help"
    done
    [ "$(completed "$name" --log-level = w)" = warn ] || fail "$name: --log-level=w is not completed"
    [ -z "$(completed "$name" -- "")" ] || fail "$name: there are options behind --"
    for option in $options; do
        grep -qF -e "'$option" "$build/tools/_$name" || fail "$name: zsh has no $option"
        grep -qE -e " -l ${option#--}( |\$)" "$build/tools/$name.fish" || fail "$name: fish has no $option"
    done
done
# The host has lists of words besides.
name=wayferry-host
for pair in --clipboard:to-guest --renderer:venus --sandbox:require --fullscreen:deny --security-context:auto --trace:x11; do
    completed $name "${pair%:*}" "" | grep -qFx "${pair#*:}" || fail "$name: ${pair/:/ } is not offered"
done
# Machines that are served, by their control sockets.
XDG_RUNTIME_DIR=$(mktemp -d)
mkdir "$XDG_RUNTIME_DIR/wayferry"
touch "$XDG_RUNTIME_DIR/wayferry/"{work.12.control,my-box.3.control,4.control,work.gpu}
[ "$(completed $name show "" | xargs)" = "my-box work" ] || fail "$name: show does not offer the machines"
[ "$(completed $name show m)" = my-box ] || fail "$name: show m is not completed"
grep -qF 'wayferry_host_machine' "$build/tools/_$name" || fail "$name: zsh offers no machines"
grep -qF 'from show' "$build/tools/$name.fish" || fail "$name: fish offers no machines"
rm -r "$XDG_RUNTIME_DIR"
# And takes all that are offered.
for option in --log-level --trace --clipboard --fullscreen --sandbox --security-context; do
    for word in $(completed $name $option ""); do
        "$host" capabilities --border cc0000 $option "$word" >/dev/null 2>&1
        [ $? != 2 ] || fail "$name: $option $word is offered, and refused"
    done
done
