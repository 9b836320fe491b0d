# shellcheck shell=bash
# Two browsers on a page with nothing that moves: APP is the command. Sourced after lib.sh.

# chromium_command wayland|x11
chromium_command() {
    APP=(chromium --no-sandbox --test-type "--ozone-platform=$1" --user-data-dir="$HOME/chromium" --no-first-run
        --disable-gpu "file://$E2E_DIRECTORY/page.html")
}

# firefox_command ASSIGNMENT...: with these in its environment.
firefox_command() {
    APP=(env "$@" firefox-esr --no-remote --profile "$HOME/firefox" "file://$E2E_DIRECTORY/page.html")
}

prepare_firefox() {
    mkdir -p "$HOME/firefox"
    cat >"$HOME/firefox/user.js" <<'END'
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("toolkit.cosmeticAnimations.enabled", false);
user_pref("ui.prefersReducedMotion", 1);
user_pref("app.update.enabled", false);
END
}
