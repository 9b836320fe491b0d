#!/bin/sh
# What a terminal shows in the tests: the same each time, all that a terminal can colour, no cursor. No suite of tests.
[ $# = 0 ] || { echo "usage: $0    (without arguments: what a terminal shows in the tests, until it is killed)" >&2; exit 2; }
printf '\033[?25l\033[2J\033[Hwayferry: ä ö € 漢\n'
for colour in 1 2 3 4 5 6 7; do
    printf '\033[4%dm  \033[0m \033[3%dm%s\033[0m\n' "$colour" "$colour" "colour $colour"
done
printf '\033[48;2;0;0;255m                    \033[0m\n'
seq -s ' ' 1 200
while :; do sleep 1000; done
