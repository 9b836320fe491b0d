# shellcheck shell=bash
# The host's side of 3D in a tree of its own: wayferry-host, wayferry-renderer and the Mesa below them
# in Debian 13 with backports, whatever this machine has. Its Vulkan drivers let guests show windows,
# and its OpenGL takes memory of others for a texture. Sourced; see guest.sh.

. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

HOST_BUILD=$LAB_BUILD/host

host_tree() {
    LAB_BACKPORTS=yes lab_tree_path "" host
}

# host_enter COMMAND...: runs it in the tree, in place of this process. /var/tmp/build is what host_prepare compiled.
host_enter() {
    LAB_BUILD=$HOST_BUILD LAB_LAYER=$HOST_BUILD/layer lab_enter "$(host_tree)" "$@"
}

host_compile() {
    (host_enter /bin/sh -ec '
        cd /var/tmp/build
        [ -e build.ninja ] || meson setup . /usr/src/wayferry -Dtests=false -Drenderer=enabled
        ninja host-bridge/wayferry-host host-bridge/render/worker/wayferry-renderer host-bridge/render/worker/libwayferry-noexec.so
        cc -O2 -Wall -D_GNU_SOURCE -shared -fPIC -o udmabuf.so /usr/src/wayferry/tests/vm/host/udmabuf.c
        install /usr/src/wayferry/tests/vm/host/renderer.sh renderer.sh')
}

# host_prepare: makes the tree, if it is missing, and compiles this working copy in it.
host_prepare() {
    [ -e "$(host_tree)" ] || LAB_BACKPORTS=yes lab_locked lab_tree "" host
    lab_used "$(host_tree)"
    lab_compiled "$HOST_BUILD" host host_compile
}

# host_exec DIRECTORY ARGUMENT...: wayferry-host with its renderer, in place of this process. It sees DIRECTORY as /mnt.
host_exec() {
    export LAB_BIND=$1
    shift
    host_enter env HOME=/nonexistent /var/tmp/build/host-bridge/wayferry-host \
        --renderer-program /var/tmp/build/renderer.sh "$@"
}
