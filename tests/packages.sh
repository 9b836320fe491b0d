# shellcheck shell=bash
# The Debian packages that wayferry's build, its demo and its tests need; sourced by their scripts.
#
#     packages_need build demo       # installs what is missing of these lists, or says how and fails
#
# For Debian 12 and 13. Where a package was renamed, the names stand in one word: NEW|OLD.

packages_build="build-essential meson ninja-build pkg-config python3 libwayland-dev libwayland-bin
    wayland-protocols libdrm-dev libpixman-1-dev libseccomp-dev libinih-dev libxkbcommon-dev
    libxcb1-dev libxcb-composite0-dev libxcb-xfixes0-dev libxcb-shape0-dev libxcb-randr0-dev"

packages_demo="weston libegl1 libgl1-mesa-dri gtk-4-examples adwaita-icon-theme fonts-dejavu-core imagemagick
    util-linux"

packages_test="libcmocka-dev clang-format clang-tidy shellcheck $packages_demo fonts-dejavu-extra procps openssl systemd dbus-user-session scdoc valgrind
    sway swaybg grim wtype wl-clipboard yad
    gtk-3-examples foot imv mpv chromium firefox-esr
    qml-qt6 qml6-module-qtqml qml6-module-qtqml-workerscript qml6-module-qtquick qml6-module-qtquick-window qt6-wayland
    libsdl2-tests xwayland x11-apps x11-utils xterm xdotool xclip wmctrl x11-xserver-utils default-jdk wine wine64 libxcb-xinput-dev
    python3-pyqt5
    wlcs mir-wlcs-integration
    libvirglrenderer-dev virgl-server mesa-vulkan-drivers libegl1 libgl1
    debhelper lintian appstream e2fsprogs libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients virtinst bubblewrap podman systemd-container"

# What the lab of virtual machines needs here (tests/vm/lab.sh), and what is in its guests, which are Debian 13.
packages_vm="build-essential flex bison bc libelf-dev libssl-dev xz-utils mmdebstrap debian-archive-keyring
    squashfs-tools cpio kmod util-linux imagemagick sway swaybg grim wtype wl-clipboard procps"

packages_guest="$packages_build libcmocka-dev
    systemd-sysv dbus-user-session libpam-systemd udev kmod procps iproute2
    weston mutter foot wl-clipboard wayland-utils wtype fonts-dejavu-core xkb-data adwaita-icon-theme
    xwayland xterm xclip x11-utils
    gtk-4-examples mpv
    qml-qt6 qml6-module-qtqml qml6-module-qtqml-workerscript qml6-module-qtquick qml6-module-qtquick-window qt6-wayland
    libegl-dev libgles-dev libvulkan-dev mesa-vulkan-drivers vulkan-tools"

# And in the tree that 3D is rendered in, Debian 13 with what its backports have newer.
packages_host="$packages_build libvirglrenderer-dev virgl-server mesa-vulkan-drivers libegl1 libgl1 libgl1-mesa-dri"

# The tree in which the project is built with Debian 13's compilers and libraries (tests/debian13.sh).
packages_debian13="$packages_build libcmocka-dev clang systemd sway grim weston libgl1-mesa-dri
    libvirglrenderer-dev virgl-server mesa-vulkan-drivers libegl1 libgl1"

# Clean trees of Debian 12 and 13, in which Debian packages are built and installed (tests/e2e/packages.sh): what
# debian/control names, and what runs there.
packages_deb="debhelper libdrm-dev libinih-dev libpixman-1-dev libseccomp-dev libvirglrenderer-dev libwayland-bin
    libwayland-dev libxcb-composite0-dev libxcb-randr0-dev libxcb-shape0-dev libxcb-xfixes0-dev libxcb1-dev
    libxkbcommon-dev meson pkgconf python3 scdoc wayland-protocols
    build-essential lintian systemd virgl-server libegl1 libgl1 xwayland"

# The tree with libvirt and QEMU of Debian 13's backports (tests/e2e/virt_tree.sh), in which wayferry-host is built; a guest has it,
# too, that plays a host with AppArmor.
packages_libvirt="$packages_build libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients virtinst qemu-system-x86 apparmor"

# A desktop and a machine that wayferry's packages are installed in (tests/e2e/packaged.sh): with what those need, since
# there is no network in a test. Both are Debian 13, the desktop with backports.
packages_desktop="qemu-system-x86 qemu-utils openssh-client systemd dbus-user-session sway swaybg grim libgl1-mesa-dri iproute2 procps
    libwayland-server0 libseccomp2 libpixman-1-0 libxkbcommon0 libinih1"
packages_machine="linux-image-amd64 systemd-sysv dbus-user-session libpam-systemd udev sudo openssh-server iproute2 procps
    foot gtk-4-examples adwaita-icon-theme fonts-dejavu-core libwayland-server0 libpixman-1-0"

# The tree with the newest compositors, Debian's unstable (tests/newest.sh).
packages_newest="$packages_build libcmocka-dev sway labwc weston mutter kwin-wayland kwin-style-breeze foot grim wtype wayland-utils
    dbus-user-session dbus-x11 libegl1 libgl1 libgl1-mesa-dri fonts-dejavu-core adwaita-icon-theme xwayland
    python3-gi pipewire wireplumber gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base"

package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

package_known() {
    apt-cache show "$1" >/dev/null 2>&1
}

# Prints the packages of the lists that are not installed, under the name this release knows.
packages_missing() {
    local list word name
    for list; do
        list=packages_$list
        for word in ${!list}; do
            for name in ${word//|/ }; do
                package_installed "$name" && continue 2
            done
            for name in ${word//|/ }; do
                package_known "$name" && break
            done
            echo "$name"
        done
    done | sort -u
}

packages_need() {
    local missing
    if ! command -v apt-get >/dev/null; then
        echo "packages: this is not Debian; hoping that what is needed is here" >&2
        return 0
    fi
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "packages are missing. Please run:" >&2
        echo "    sudo apt-get update && sudo apt-get install --no-install-recommends ${missing//$'\n'/ }" >&2
        return 1
    fi
    echo "installing: ${missing//$'\n'/ }"
    apt-get -q -o DPkg::Lock::Timeout=600 update >/dev/null || echo "packages: apt-get update failed; going on" >&2
    missing=$(packages_missing "$@")
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends $missing \
        </dev/null >/dev/null
}
