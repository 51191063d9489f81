#!/usr/bin/env bash
# Creates a libvirt domain whose network card has an address of the ledger. The address is reserved until delete.sh, also while the
# domain is shut down.
#
#   ./create.sh NAME [more options of virt-install]
#
# BRIDGE is the bridge of the host that the card joins. The request key makes a repeated call use the same address.
set -euo pipefail
name=${1:?'usage: create.sh NAME [more options of virt-install]'}
shift

mac=$(rock-mac reserve --pool development --device "$name" --type libvirt --request-key "libvirt/$name" -o name)
virt-install --name "$name" --network "bridge=${BRIDGE:-br0},mac=$mac,model=virtio" "$@"
