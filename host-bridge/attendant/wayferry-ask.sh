#!/bin/sh
# Asks the user a question of wayferry-host's in a window: wayferry-ask QUESTION. Exit status: 0 yes, 1 no,
# others: there is no answer. wayferry-host runs it unless ask-program names another program; the question is
# made of plain letters, whatever the machine is called or copies.
question=${1:?usage: wayferry-ask QUESTION}
title="wayferry${WAYFERRY_MACHINE:+: $WAYFERRY_MACHINE}"

for program in zenity yad kdialog; do
    command -v $program >/dev/null || continue
    case $program in
    zenity) exec zenity --question --no-markup --title "$title" --text "$question" ;;
    yad) exec yad --no-markup --title "$title" --text "$question" --button=Yes:0 --button=No:1 ;;
    kdialog) exec kdialog --title "$title" --yesno "$question" ;;
    esac
done
echo "wayferry-ask: there is no zenity, yad or kdialog to ask with: install one, or set ask-program" >&2
exit 3
