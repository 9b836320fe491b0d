#!/bin/bash
# What a user asks wayferry-host: list and show, over control sockets.
. "$(dirname "$0")/lib.sh"

tests=(list:5 reload:6 gone:5 administrator:5 thousand:5)

HOST=$WAYFERRY_BUILD/host-bridge/wayferry-host

ask() {
    limited 20 "$HOST" "$@"
}

# value EXPRESSION: of the objects that standard input has, one a line, as the list "m".
value() {
    python3 -c 'import json, sys
m = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$1"
}

has_window() {
    ask show one --json | value 'any(w["title"] == "[one] hello" and w["app-id"] == "wayferry.one.foot" and w["width"] > 0 for w in m[0]["windows"])' |
        grep -qx True
}

# Asks again and again, says half a request, or says nothing and stays.
flood() {
    exec python3 -c 'import socket, sys, time
kept = []
while True:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(sys.argv[1])
        s.send([b"show\n", b"sh", b"x" * 100][len(kept) % 3])
    except OSError:
        pass
    kept.append(s)
    if len(kept) > 400:
        kept = kept[200:]' "$1"
}

test_list() {
    local sockets asker
    need foot setpriv
    sway_start compositor
    [ -z "$(ask list 2>"$LOGS/nobody.txt")" ] && ask list 2>/dev/null || fail "where nobody is, list fails"
    grep -qx 'wayferry-host: no machine is served' "$LOGS/nobody.txt" || fail "it is not said that there is nobody"
    [ -z "$(ask list --json 2>&1)" ] || fail "programs are told more than that"
    HOST_OPTIONS="--vm one --border #cc0000" bridge_start compositor a
    HOST_OPTIONS="--vm one --clipboard none" bridge_start_host compositor b
    spawn foot env WAYLAND_DISPLAY=a foot --title=hello sleep 600
    until_true 20 has_window || fail "the window is not shown: $(ask show one)"
    # Two of one name.
    [ "$(ask list --json | value '[(x["name"], x["pid"]) for x in m]')" = \
        "[('one', ${PID[a-host]}), ('one', ${PID[b-host]})]" ] || fail "list has other machines: $(ask list)"
    ask list | grep -qE "^one +${PID[a-host]} +1 .*/compositor$" || fail "list does not count windows: $(ask list)"
    [ "$(ask show "${PID[a-host]}" --json | value '(m[0]["border"], m[0]["fullscreen"], m[0]["running"], m[0]["limits"]["connections"]["use"])')" = \
        "({'colour': '#cc0000', 'width': 4}, 'border', True, 1)" ] || fail "show has something else: $(ask show one)"
    [ "$(ask show "${PID[b-host]}" --json | value '(m[0]["border"], m[0]["transfers"]["clipboard"]["to-guest"], m[0]["windows"])')" = \
        "(None, 'deny', [])" ] || fail "show has something else of the second one: $(ask show one)"
    ask show one | grep -qE '^  [0-9]+x[0-9]+  \[one\] hello  \(wayferry\.one\.foot, ' || fail "show has no window for people"
    ask show two 2>"$LOGS/none.txt" && fail "a machine that is not there is shown"
    grep -q 'no machine two' "$LOGS/none.txt" || fail "it is not said that there is no such machine"
    # Somebody else is let through by the files, and refused by wayferry-host.
    if [ "$(id -u)" = 0 ]; then
        sockets=("$XDG_RUNTIME_DIR"/wayferry/*.control)
        chmod 777 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/wayferry" "${sockets[@]}"
        asker=$(setpriv --reuid=65534 --clear-groups python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
try: s.send(b"show\n"); print(s.recv(1000))
except ConnectionError: print(b"")' "${sockets[0]}")
        chmod 700 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/wayferry"
        [ "$asker" = "b''" ] || fail "somebody else is told: $asker"
    fi
    # Who floods one holds neither its windows up nor those who ask.
    flood "$XDG_RUNTIME_DIR/wayferry/one.${PID[a-host]}.control" &
    PID[flood]=$!
    WAYLAND_DISPLAY=a limited 20 "$WAYFERRY_CLIENTS/shm-client" --frames 30 >"$LOGS/client.log" 2>&1 || fail "no window beside a flood"
    stop flood KILL
    until_true 20 has_window || fail "nobody is answered after a flood"
    # One that is stopped is listed as such, and holds nothing up.
    kill -STOP "${PID[b-host]}"
    ask list --json >"$WORK/stopped.json" && fail "a machine that does not answer is no failure"
    [ "$(value '[(x["pid"], x["answers"]) for x in m]' <"$WORK/stopped.json")" = \
        "[(${PID[a-host]}, True), (${PID[b-host]}, False)]" ] || fail "the stopped one is not told: $(cat "$WORK/stopped.json")"
    ask list | grep -qE "^one +${PID[b-host]}  not answering: its process is stopped$" || fail "it is not said why"
    kill -CONT "${PID[b-host]}"
    # Sockets go with their process, however that ends.
    sigkill b-host
    stop foot
    bridge_stop a
    until_true 10 no_sockets || fail "sockets are left: $(ls "$XDG_RUNTIME_DIR/wayferry")"
    [ -z "$(ask list --json)" ] || fail "there is somebody still"
    sanitizers_silent
}

# More windows than one answer has room for: the first thousand are shown, and how many more there are.
test_thousand() {
    sway_start compositor
    HOST_OPTIONS="--vm one" bridge_start compositor a
    spawn toplevels "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/a" toplevels 1200
    until_true 60 grep -qx ready "$LOGS/toplevels.log" || fail "there are no windows (log: $LOGS/toplevels.log)"
    [ "$(shown 'len(m[0]["windows"])')" = 1000 ] || fail "show has $(shown 'len(m[0]["windows"])') windows"
    ask show one >"$LOGS/shown.txt" || fail "show fails"
    grep -qx '  and 200 more' "$LOGS/shown.txt" || fail "it is not said how many more there are (what is shown: $LOGS/shown.txt)"
    [ "$(grep -c '^  0x0  ' "$LOGS/shown.txt")" = 1000 ] || fail "not a thousand are shown (what is shown: $LOGS/shown.txt)"
    [ "$(ask list --json | value 'm[0]["answers"]')" = True ] || fail "list has no answer"
    stop toplevels
    bridge_stop a
    stop compositor
}

# configured LINE...: the machine's file is another one now, as editors make it.
configured() {
    printf '%s\n' "$@" >"$WORK/new.conf"
    mv "$WORK/new.conf" "$WORK/one.conf"
}

# reloaded N: the log has said N times that the configuration was read again.
reloaded() {
    [ "$(grep -c "configuration was read again ($WORK/one.conf)" "$LOGS/a-host.log")" = "$1" ]
}

stayed() {
    [ "$(grep -c 'one: the configuration stays as it was' "$LOGS/a-host.log")" = "$1" ]
}

shown() {
    ask show one --json | value "$1"
}

# The machine's own file, when it is gone, leaves what it said; one that comes later counts from then on.
test_gone() {
    local file=$WORK/config/wayferry/one.conf
    mkdir -p "${file%/*}"
    sway_start compositor
    HOST_UNDER="env XDG_CONFIG_HOME=$WORK/config" HOST_OPTIONS="--vm one" bridge_start_host compositor a
    kill -HUP "${PID[a-host]}"
    until_true 20 grep -q 'read again (there is no file)' "$LOGS/a-host.log" || fail "without a file, the defaults are not read again"
    printf '[clipboard]\nto-guest = deny\n' >"$file"
    kill -HUP "${PID[a-host]}"
    until_true 20 grep -q "read again ($file)" "$LOGS/a-host.log" || fail "a file that has come is not read"
    rm "$file"
    kill -HUP "${PID[a-host]}"
    until_true 20 stayed 1 || fail "a file that is gone is taken for an empty one"
    grep -q 'one: the configuration stays as it was: its file is gone' "$LOGS/a-host.log" || fail "it is not said that the file is gone"
    [ "$(shown 'm[0]["transfers"]["clipboard"]["to-guest"]')" = deny ] || fail "a file that is gone has opened something"
    : >"$file"
    kill -HUP "${PID[a-host]}"
    until_true 20 opened || fail "an empty file does not stand for the defaults"
    stop a-host
    # The same for one that was there from the start.
    printf '[clipboard]\nto-guest = deny\n' >"$file"
    HOST_UNDER="env XDG_CONFIG_HOME=$WORK/config" HOST_OPTIONS="--vm one" bridge_start_host compositor b
    rm "$file"
    kill -HUP "${PID[b-host]}"
    until_true 20 grep -q 'one: the configuration stays as it was: its file is gone' "$LOGS/b-host.log" || fail "the file of the start may go"
    [ "$(shown 'm[0]["transfers"]["clipboard"]["to-guest"]')" = deny ] || fail "the file of the start, gone, has opened something"
    stop b-host
    stop compositor
}

# The user's file is gone, and there is the administrator's: that one holds, and both are named.
test_administrator() {
    local own=$WORK/config/wayferry/one.conf theirs=/etc/wayferry/one.conf log=$LOGS/a-host.log under='unshare --mount'
    mkdir -p "${own%/*}" "$WORK/etc/wayferry"
    cp /etc/passwd /etc/group "$WORK/etc"
    sway_start compositor
    printf '[clipboard]\nto-guest = deny\n' >"$own"
    printf '[clipboard]\nto-host = deny\n' >"$WORK/etc/wayferry/one.conf"
    printf '#!/bin/sh\nmount --bind "%s" /etc && exec "$@"\n' "$WORK/etc" >"$WORK/with-etc"
    chmod +x "$WORK/with-etc"
    [ "$(id -u)" = 0 ] || under="$under --user --map-root-user"
    HOST_UNDER="env XDG_CONFIG_HOME=$WORK/config $under $WORK/with-etc" HOST_OPTIONS="--vm one" bridge_start_host compositor a
    rules_are deny allow || fail "the user's file does not hold"
    rm "$own"
    kill -HUP "${PID[a-host]}"
    until_true 20 grep -q "read again ($theirs)" "$log" || fail "the administrator's file is not read"
    grep -q "$own is gone: from now on $theirs says what goes" "$log" || fail "it is not said that another file holds"
    rules_are allow deny || fail "the administrator's file does not hold"
    # The user's wins again when it comes back; and there is one more line only when it goes again.
    printf '[clipboard]\nto-guest = deny\n' >"$own"
    kill -HUP "${PID[a-host]}"
    until_true 20 grep -q "read again ($own)" "$log" || fail "the user's file is not read again"
    rules_are deny allow || fail "the user's file does not hold again"
    [ "$(grep -c 'is gone: from now on' "$log")" = 1 ] || fail "something is said to be gone that is not"
    rm "$own" "$WORK/etc/wayferry/one.conf"
    kill -HUP "${PID[a-host]}"
    until_true 20 stayed 1 || fail "without either file something else holds"
    rules_are deny allow || fail "files that are gone have changed something"
    stop a-host
    stop compositor
}

# rules_are TO-GUEST TO-HOST: of the clipboard.
rules_are() {
    [ "$(shown '[m[0]["transfers"]["clipboard"][way] for way in ("to-guest", "to-host")]')" = "['$1', '$2']" ]
}

opened() {
    [ "$(shown 'm[0]["transfers"]["clipboard"]["to-guest"]')" = allow ]
}

# A window's connection goes by what was configured as it was made; those that come later by what is now.
test_reload() {
    local red='#cc0000' line
    need foot
    sway_start compositor
    configured 'border = #00aa00,8'
    HOST_OPTIONS="--vm one --config $WORK/one.conf" bridge_start compositor a
    spawn old env WAYLAND_DISPLAY=a foot --title=hello sleep 600
    until_true 20 has_window || fail "the window is not shown"
    configured "border = $red,9" 'border-label = <%m>' 'buffers = memory' 'stats = yes' '[clipboard]' 'to-guest = deny' '[limits]' 'surfaces = 77'
    kill -HUP "${PID[a-host]}"
    until_true 20 reloaded 1 || fail "the file is not read again"
    [ "$(shown '(m[0]["border"], m[0]["transfers"]["clipboard"]["to-guest"], m[0]["limits"]["surfaces"]["limit"])')" = \
        "({'colour': '$red', 'width': 9, 'label': '<one>'}, 'deny', 77)" ] || fail "show has something else: $(ask show one)"
    for line in 'buffers = memory' 'stats = yes'; do
        grep -q "$line takes effect when wayferry-host starts again" "$LOGS/a-host.log" || fail "it is not said what waits: $line"
    done
    spawn new env WAYLAND_DISPLAY=a foot --title=new sleep 600
    until_true 20 both_borders || fail "the windows' borders are not the old one's and the new one's"
    # What is wrong changes nothing, and is told.
    configured 'border = nonsense' '[clipboard]' 'to-guest = allow'
    kill -HUP "${PID[a-host]}"
    until_true 20 stayed 1 || fail "a broken file is taken"
    grep -q -- '--border nonsense' "$LOGS/a-host.log" || fail "it is not said what is wrong"
    configured "border = $red,8" 'border-label = %m'
    kill -HUP "${PID[a-host]}"
    until_true 20 stayed 2 || fail "a label is taken that the border has no room for"
    configured "border = $red,8" 'no sense'
    kill -HUP "${PID[a-host]}"
    until_true 20 stayed 3 || fail "a broken file is taken"
    grep -q "$WORK/one.conf:2: " "$LOGS/a-host.log" || fail "it is not said which line is wrong"
    rm "$WORK/one.conf"
    kill -HUP "${PID[a-host]}"
    until_true 20 stayed 4 || fail "a file that is gone is taken"
    [ "$(shown 'm[0]["transfers"]["clipboard"]["to-guest"]')" = deny ] || fail "a broken file has changed something"
    # The last one counts; policies go when their windows do.
    configured "border = #0000cc,8"
    kill -HUP "${PID[a-host]}"
    until_true 20 reloaded 2 || fail "the file is not read again"
    stop old
    stop new
    spawn newest env WAYLAND_DISPLAY=a foot --title=newest sleep 600
    until_true 20 only_border '#0000cc' || fail "the newest window has not the newest border"
    stop newest
    bridge_stop a
    stop compositor
}

both_borders() {
    shot compositor "$WORK/borders.png" && (($(pixels_of "$WORK/borders.png" '#00aa00') > 5000 && $(pixels_of "$WORK/borders.png" '#cc0000') > 5000))
}

only_border() {
    shot compositor "$WORK/borders.png" && (($(pixels_of "$WORK/borders.png" "$1") > 5000 && $(pixels_of "$WORK/borders.png" '#00aa00') == 0 &&
        $(pixels_of "$WORK/borders.png" '#cc0000') == 0))
}

no_sockets() {
    local sockets=("$XDG_RUNTIME_DIR"/wayferry/*.control)
    [ ${#sockets[@]} = 0 ]
}

e2e_main "$@"
