# shellcheck shell=sh
# Compiles this working copy in the guest's tree, and fills the layer (tests/vm/lab.sh): run there.
source=/usr/src/wayferry build=/var/tmp/build layer=/var/tmp/layer programs=/usr/lib/wayferry-tests

[ -e $build/build.ninja ] || meson setup $build $source --prefix=/usr --sysconfdir=/etc
cd $build || exit
ninja build.ninja      # what there is to build is asked next
targets() {
    ninja -t targets all | sed -n "s!^\($1\): ${2:-c_LINKER}.*!\1!p"
}
tests=$(targets '\(examples\|tests/\(clients\|bench\|vm\)\)/[^:]*')
# shellcheck disable=SC2046,SC2086
ninja $(targets '\(guest-proxy\|host-bridge\)/.*wayferry-[a-z0-9]*\(\.so\)\?') $(targets 'tools/[^:]*' CUSTOM_COMMAND) $tests
meson install --no-rebuild --destdir $layer

# shellcheck disable=SC2086
install -D -t $layer$programs $tests
install -D -t $layer$programs $source/tests/e2e/terminal.sh $source/tests/e2e/window.qml
install -D -t $layer$programs $source/tests/vm/guest/udmabuf.sh $source/tests/vm/guest/has-colour.py
$source/tests/e2e/gtk-config.sh $layer$programs/config
install -D $source/tests/vm/guest/agent.sh $layer/usr/libexec/wayferry-lab/agent
install -D $source/tests/vm/guest/uml-init.sh $layer/usr/libexec/wayferry-lab/uml-init

# Units: the agent, and what an administrator would enable for all users.
units=$layer/etc/systemd/system
install -D -m 644 $source/tests/vm/guest/agent.service $units/lab-agent.service
mkdir -p $units/multi-user.target.wants
ln -s ../lab-agent.service $units/multi-user.target.wants/
mkdir -p $layer/etc/systemd/user/sockets.target.wants
ln -s /usr/lib/systemd/user/wayferry-guest.socket $layer/etc/systemd/user/sockets.target.wants/
ln -s /usr/lib/systemd/user/wayferry-x11.socket $layer/etc/systemd/user/sockets.target.wants/

# Slow is not broken: processors are emulated, and shared with other tests.
for directory in system.conf.d user.conf.d; do
    mkdir -p $layer/etc/systemd/$directory
    printf '[Manager]\nDefaultTimeoutStartSec=infinity\nDefaultDeviceTimeoutSec=infinity\n' >$layer/etc/systemd/$directory/slow.conf
done
