#!/bin/sh
# gtk-config.sh DIRECTORY: settings for GTK 3 and 4 with less that moves; without shadows: at the corners GTK 3 draws
# them in one of two ways; and without transitions, of which a loaded machine sometimes leaves icons one step
# before their last colour, also without the bridge.
set -e
for version in 3 4; do
    mkdir -p "$1/gtk-$version.0"
    printf '%s\n' '[Settings]' gtk-enable-animations=false gtk-cursor-blink=false >"$1/gtk-$version.0/settings.ini"
    printf '%s\n' 'decoration { box-shadow: none; }' '* { transition: none; }' >"$1/gtk-$version.0/gtk.css"
done
