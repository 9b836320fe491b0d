# shellcheck shell=bash
# Pictures of applications that move: what moves is left out, the rest must be equal. Sourced after lib.sh.

# The most that may move, as a fraction of the output.
MOVING_LIMIT=0.03

# moving_settle FILE: watches the output until what moves is a small part of it, and ten more pictures
# show nothing move outside that part: so a slow pulse is seen whole, however loaded the machine is. Keeps the
# picture with that part blackened in FILE, and the part itself in $LOGS/moving.png, white on black.
moving_settle() {
    local file=$1 deadline=$((SECONDS + 120 * SLOWNESS)) known=$WORK/known.png moved=$WORK/moved.png
    local mask=$LOGS/moving.png
    rm -f "$known" "$WORK"/{min,max}.png
    until [ -e "$known" ] && moving_inside "$known"; do
        ((SECONDS < deadline)) || return 1
        [ -e "$known" ] && mv "$mask" "$known"
        moving_watch || return 1
        convert "$moved" -morphology Dilate Square:6 "$mask"
        cp "$WORK/moving.9.png" "$file"
        if same "$WORK/host.empty.png" "$file" || ! moving_is_small "$mask"; then
            rm -f "$known" "$WORK"/{min,max}.png    # it is still starting: begin anew
        elif [ ! -e "$known" ]; then
            convert "$mask" -fill black -colorize 100 "$known"
        fi
    done
    blacken "$file" "$mask"
}

# moving_watch: takes ten pictures, and paints white in $WORK/moved.png what has changed in these and in those
# before, of which $WORK/max.png and min.png keep the brightest and darkest of each pixel.
moving_watch() {
    local index
    for index in 0 1 2 3 4 5 6 7 8 9; do
        shot host "$WORK/moving.$index.png" || return 1
        sleep "0.$((1 + index * 3 % 5))"    # not in step with what moves
    done
    moving_extremes max && moving_extremes min || return 1
    convert "$WORK/max.png" "$WORK/min.png" -compose difference -composite -separate -evaluate-sequence max \
        -threshold 0 "$WORK/moved.png"
}

# moving_inside MASK: all that moved is in the mask.
moving_inside() {
    [ "$(convert "$WORK/moved.png" \( "$1" -negate \) -compose multiply -composite -format '%[fx:mean == 0]' info:)" = 1 ]
}

moving_extremes() {
    convert "$WORK"/moving.?.png "$WORK/$1".pn[g] -alpha off -evaluate-sequence "$1" "$WORK/new.png" &&
        mv "$WORK/new.png" "$WORK/$1.png"
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
