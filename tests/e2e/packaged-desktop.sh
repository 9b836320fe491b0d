# shellcheck shell=sh
# Makes a Debian tree somebody's desktop that knows nothing of wayferry: run in the fresh tree, as root (packaged.sh).

useradd --create-home --shell /bin/bash --uid 1000 user
# Units of a user manager that does not run in a login session.
systemctl --global mask dirmngr.socket gpg-agent.socket gpg-agent-ssh.socket gpg-agent-extra.socket gpg-agent-browser.socket \
    keyboxd.socket
