#!/bin/sh
# wayferry-renderer, with a stand-in for what this machine's kernel lacks.
[ -e /dev/udmabuf ] || export LD_PRELOAD=/var/tmp/build/udmabuf.so
exec /var/tmp/build/host-bridge/render/worker/wayferry-renderer "$@"
