#!/bin/bash
# A machine of QEMU's whose windows come by wayferry: qemu.sh SOCKET [ARGUMENT...]
#
# SOCKET is that of a wayferry-host (wayferry-host setup NAME: $XDG_RUNTIME_DIR/wayferry/NAME.gpu); ARGUMENT are the rest of
# QEMU's, as -drive if=virtio,file=disk.qcow2. QEMU 11 or later; docs/virtual-machines.md says where it is.
# QEMU: the program. MEMORY: of the machine, 4G unless given. ACCELERATOR: kvm or tcg; tcg where there is no /dev/kvm.
set -eu
[ $# -gt 0 ] || { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
socket=$1 memory=${MEMORY:-4G}
shift
if [ "${ACCELERATOR:-kvm}" = kvm ] && [ -w /dev/kvm ]; then
    processor="-accel kvm -cpu host"
else
    processor="-accel tcg -cpu max,phys-bits=39"
fi

# shellcheck disable=SC2086
exec "${QEMU:-qemu-system-x86_64}" $processor -smp 2 -m "$memory" \
    -object memory-backend-memfd,id=memory,size="$memory",share=on -machine q35,memory-backend=memory \
    -device pcie-root-port,id=gpu-port,chassis=1,pref64-reserve=2G \
    -chardev socket,id=gpu,path="$socket" \
    -device vhost-user-test-device-pci,id=gpu,bus=gpu-port,chardev=gpu,virtio-id=16,num_vqs=2,vq_size=1024,config_size=16 \
    "$@"
