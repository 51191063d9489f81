#!/usr/bin/env bash
# Runs a container with an address of the ledger on a macvlan or bridge network, and releases it when the container ends.
#
#   ./run.sh NAME NETWORK IMAGE [command]
#
# DOCKER=podman runs it with Podman.
set -euo pipefail
name=${1:?'usage: run.sh NAME NETWORK IMAGE [command]'} network=${2:?'name a network'} image=${3:?'name an image'}
shift 3

mac=$(rock-mac allocate --pool docker --device "$name" --type container -o name)
trap 'rock-mac release "$mac" >/dev/null' EXIT
# A signal for this script alone waits for the container, which still uses the address. Ctrl-C reaches both.
trap : HUP INT TERM
# The pool releases what nobody renews for a day, and a container may run for longer. The loop reads nothing until the container and this
# script have ended: then the pipe ends, and the loop with it. A time limit is a status above 128.
exec 9> >(while read -rt 3600; [ $? -gt 128 ]; do rock-mac renew "$mac"; done >/dev/null)

"${DOCKER:-docker}" run --rm --name "$name" --network "$network" --mac-address "$mac" "$image" "$@"
