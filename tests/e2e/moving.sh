# Pictures of applications that move: what moves is left out, the rest must be equal. Sourced after lib.sh.

# The most that may move, as a fraction of the output.
MOVING_LIMIT=0.03

# moving_settle FILE: waits until what moves is a small part of the output only, for four seconds; keeps the
# picture with that part blackened in FILE, and the part itself in $LOGS/moving.png, white on black.
moving_settle() {
    local file=$1 deadline=$((SECONDS + 60)) index
    local mask=$LOGS/moving.png
    until [ -e "$file" ] && ! same "$WORK/host.empty.png" "$file" && moving_is_small "$mask"; do
        ((SECONDS < deadline)) || return 1
        for index in 0 1 2 3 4 5 6 7 8 9; do
            shot host "$WORK/moving.$index.png" || return 1
            sleep 0.4
        done
        convert "$WORK"/moving.?.png -alpha off -evaluate-sequence max "$WORK/max.png"
        convert "$WORK"/moving.?.png -alpha off -evaluate-sequence min "$WORK/min.png"
        convert "$WORK/max.png" "$WORK/min.png" -compose difference -composite -separate -evaluate-sequence max \
            -threshold 0 -morphology Dilate Square:6 "$mask"
        cp "$WORK/moving.9.png" "$file"
    done
    blacken "$file" "$mask"
}

moving_is_small() {
    [ "$(convert "$1" -format "%[fx:mean > 0 && mean < $MOVING_LIMIT]" info:)" = 1 ]
}

# blacken FILE MASK: paints the picture black where the mask is white.
blacken() {
    convert "$1" -alpha off \( "$2" -negate \) -compose multiply -composite "$1"
}

still_part_equal() {
    shot host "$LOGS/bridged.png" || return 1
    blacken "$LOGS/bridged.png" "$LOGS/moving.png"
    same "$LOGS/direct.png" "$LOGS/bridged.png"
}

moving_part_moves() {
    shot host "$WORK/before.png" && sleep 0.2 && shot host "$WORK/after.png" &&
        ! same "$WORK/before.png" "$WORK/after.png"
}
