#!/usr/bin/env bash
# Runs a QEMU virtual machine with an address of the ledger, and releases it when the machine ends, however it ends.
#
#   ./run.sh NAME [more options of QEMU]
#
# NETDEV is the backend of the network card with the id `lan`. Default: QEMU's user network.
set -euo pipefail
name=${1:?'usage: run.sh NAME [more options of QEMU]'}
shift

mac=$(rock-mac allocate --pool development --device "$name" --type qemu-vm -o name)
trap 'rock-mac release "$mac" >/dev/null' EXIT
# A signal for this script alone waits for the machine, which still uses the address. Ctrl-C reaches both.
trap : HUP INT TERM
# The pool releases what nobody renews for a week, and a machine may run for longer. The loop reads nothing until the machine and this
# script have ended: then the pipe ends, and the loop with it. A time limit is a status above 128.
exec 9> >(while read -rt 86400; [ $? -gt 128 ]; do rock-mac renew "$mac"; done >/dev/null)

qemu-system-x86_64 \
  -name "$name" \
  -netdev "${NETDEV:-user,id=lan}" \
  -device "virtio-net-pci,netdev=lan,mac=$mac" \
  "$@"
