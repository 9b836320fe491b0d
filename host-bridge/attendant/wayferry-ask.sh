#!/bin/sh
# Asks the user a question of wayferry-host's in a window: wayferry-ask QUESTION. Exit status: 0 yes, 1 no,
# others: there is no answer. wayferry-host runs it unless ask-program names another program; the question is
# made of plain letters, whatever the machine is called or copies. "No" has the focus, since a machine may have its
# user asked in the middle of a word.
question=${1:?usage: wayferry-ask QUESTION}
title="wayferry${WAYFERRY_MACHINE:+: $WAYFERRY_MACHINE}"

for program in zenity yad; do
    command -v $program >/dev/null || continue
    case $program in
    zenity) exec zenity --question --default-cancel --no-markup --title "$title" --text "$question" ;;
    yad) exec yad --no-markup --title "$title" --text "$question" --button=No:1 --button=Yes:0 ;;
    esac
done
echo "wayferry-ask: there is no zenity or yad to ask with: install one, or set ask-program" >&2
exit 3
