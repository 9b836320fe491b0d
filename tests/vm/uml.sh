# shellcheck shell=bash
# Guests at native speed: User-Mode Linux, a kernel that is a process, whose virtio_gpu driver talks
# straight to wayferry-host's socket. Sourced; see guest.sh.
#
# For trusted programs only: nothing keeps root of such a guest from the files of the user who started
# it. The device has no window of host memory here, so blobs are pages of the guest.
#
# Environment:
#   WAYFERRY_UML_SOURCE      another package with the source of a kernel, 7.0 or later

. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

UML_SOURCE=${WAYFERRY_UML_SOURCE:-linux-source-7.2}     # the newest 7.x when it is not there
UML_MEMORY=1G

# ---- the kernel

uml_download() {
    lab_apt $LAB_RELEASE-backports apt-get update || return 1
    cd "$LAB_CACHE/kernel.new" || return 1
    lab_apt $LAB_RELEASE-backports apt-get download "$UML_SOURCE" && return 0
    # shellcheck disable=SC2016
    UML_SOURCE=$(lab_apt $LAB_RELEASE-backports apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages' |
        xargs /usr/lib/apt/apt-helper cat-file |
        sed -n 's/^Package: \(linux-source-7\.[0-9]*\)$/\1/p' | sort -V | tail -n 1)
    [ -n "$UML_SOURCE" ] && lab_apt $LAB_RELEASE-backports apt-get download "$UML_SOURCE"
}

uml_unpack() {
    cd "$LAB_CACHE/kernel.new" && dpkg-deb -x linux-source-*.deb . && rm linux-source-*.deb && mkdir linux &&
        tar -xf usr/src/linux-source-*.tar.xz -C linux --strip-components=1 && rm -r usr
}

# An option that the kernel does not know or does not take would be missed much later.
uml_configure() {
    local option
    make -C "$LAB_CACHE/kernel.new/linux" ARCH=um KCONFIG_ALLCONFIG="$LAB/uml.config" allnoconfig || return 1
    grep '^CONFIG_.*=y' "$LAB/uml.config" | while read -r option; do
        grep -qx "$option" "$LAB_CACHE/kernel.new/linux/.config" || {
            echo "the kernel has no $option"
            return 1
        }
    done
}

# Make's lines are counted: this configuration takes about 1300 of them.
uml_compile() {
    nice make -C "$LAB_CACHE/kernel.new/linux" ARCH=um -j"$(nproc)" linux 2>&1 | tee "$LAB_CACHE/compile.log" |
        awk '++n % 100 == 0 { printf "lab: %d of 1300 files of the kernel\n", n; fflush() }' >&2
    [ "${PIPESTATUS[0]}" = 0 ] && return 0
    grep -m 20 -iE 'error|\*\*\*' "$LAB_CACHE/compile.log" >&2
    lab_fail "the kernel does not compile (log: $LAB_CACHE/compile.log)"
}

# The kernel is named after what it was made from: another configuration is another kernel.
uml_kernel() {
    echo "$LAB_CACHE/linux-$(cat "$LAB/uml.config" - <<<"${WAYFERRY_UML_SOURCE:-linux-source-7.2}" | lab_hash)"
}

uml_kernel_build() {
    local kernel
    kernel=$(uml_kernel)
    rm -rf "$LAB_CACHE/kernel.new"      # of a run that was cut short
    [ -x "$kernel" ] && return 0
    packages_need vm || lab_fail "packages are missing"
    mkdir -p "$LAB_CACHE/kernel.new"
    lab_say "building a kernel for User-Mode Linux (once; about six minutes)"
    quietly download uml_download
    quietly unpack uml_unpack
    quietly configure uml_configure
    uml_compile
    strip -o "$kernel.new" "$LAB_CACHE/kernel.new/linux/linux" || lab_fail "there is no kernel"
    mv "$kernel.new" "$kernel"
    rm -rf "$LAB_CACHE/kernel.new"
}

# ---- for guest.sh

# uml_prepare KIND: makes what is missing besides lab_build.
uml_prepare() {
    [ -x "$(uml_kernel)" ] || lab_locked uml_kernel_build
    lab_used "$(uml_kernel)"
    host_prepare
}

# uml_exec KIND SHARE SOCKET DIRECTORY: becomes the machine, with the device behind SOCKET. DIRECTORY is for
# what the machine needs while it runs. The console is stdout.
#
# The tree is the root at first; the layer, which has the first process, is not to be seen there yet.
uml_exec() {
    export TMPDIR=/dev/shm      # the guest's memory
    # shellcheck disable=SC2086     # several words
    exec "$(uml_kernel)" seccomp=on mem=$UML_MEMORY uml_dir="$4/" umid=uml root=/dev/root rootfstype=hostfs \
        rootflags="$(guest_tree)" ro con=null con0=null,fd:1 console=tty0 panic=-1 \
        virtio_uml.device="$3:16" lab.layer="$LAB_LAYER" lab.share="$2" ${GUEST_APPEND:-} init=/bin/sh -- \
        -c "\"mount -t hostfs -o hostfs=$LAB_LAYER layer /mnt && exec /mnt/usr/libexec/wayferry-lab/uml-init\""
}
