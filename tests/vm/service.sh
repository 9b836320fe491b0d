# shellcheck shell=bash
# The guest's user service and doctor, in a real user's session. A file of tests sources this after session.sh.

# display_is_found VARIABLE VALUE: every way in which a user starts applications leads to the display.
display_is_found() {
    local found variable=$1
    found=$(guest_run vm systemd-run --user --quiet --wait --pipe --collect printenv "$variable")
    [ "$found" = "$2" ] || fail "systemd-run --user has $variable '$found'"
    # By way of PAM, with nothing of the service manager's environment.
    found=$(guest_run vm --root su --login guest --command "printenv $variable")
    [ "$found" = "$2" ] || fail "a login shell has $variable '$found'"
    # What D-Bus starts, as desktop launchers do: the bus hands on the environment that it was started with.
    # shellcheck disable=SC2016
    found=$(guest_run vm sh -c 'tr "\0" "\n" </proc/$(systemctl --user show --value -p MainPID dbus.service)/environ |
        sed -n "s/^$0=//p"' "$variable")
    [ "$found" = "$2" ] || fail "the session's bus has $variable '$found'"
}

doctor_finds_all_well() {
    guest_run vm wayferry-guest doctor >"$LOGS/doctor.txt" 2>&1 || fail "the doctor finds something (report: $LOGS/doctor.txt)"
    grep -q '^ok *compositor .*with [1-9]' "$LOGS/doctor.txt" || fail "no globals (report: $LOGS/doctor.txt)"
    grep -q '^ok *service' "$LOGS/doctor.txt" || fail "no service (report: $LOGS/doctor.txt)"
}

# doctor_finds NOUN REMEDY COMMAND...: that and nothing else; run as root.
doctor_finds() {
    local noun=$1 remedy=$2
    shift 2
    guest_run vm --root "$@" >"$LOGS/doctor-$noun.txt" 2>&1 && fail "the doctor finds no fault with $noun"
    [ "$(grep -c ^FAILED "$LOGS/doctor-$noun.txt")" = 1 ] && grep -A1 "^FAILED *$noun" "$LOGS/doctor-$noun.txt" | grep -qF -e "$remedy" ||
        fail "the doctor does not say '$remedy' (report: $LOGS/doctor-$noun.txt)"
}

doctor_finds_faults() {
    # Out of the groups that may open the render node.
    doctor_finds permissions "usermod -aG render guest" setpriv --reuid=1000 --regid=1000 --clear-groups \
        env USER=guest XDG_RUNTIME_DIR=/run/user/1000 wayferry-guest doctor
    doctor_finds driver --device env XDG_RUNTIME_DIR=/run wayferry-guest doctor --device /dev/null
    stop host
    doctor_finds compositor "wayferry-host doctor" env XDG_RUNTIME_DIR=/run wayferry-guest doctor
}
