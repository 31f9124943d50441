#!/bin/sh
# Finds its own Node beside itself, wherever the folder was unpacked, also through a symbolic link.
home=$(dirname "$(readlink -f "$0")")/../lib/lmdbstream
exec "$home/node" "$home/bin/lmdbstream.js" "$@"
