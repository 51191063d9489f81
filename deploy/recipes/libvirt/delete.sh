#!/usr/bin/env bash
# Deletes a libvirt domain and then releases its addresses. The other order would free an address that still answers.
#
#   ./delete.sh NAME
set -euo pipefail
name=${1:?'usage: delete.sh NAME'}

# A domain that cannot be stopped keeps its address: `undefine` alone would let it run on.
if virsh list --name | grep -qxF -- "$name"; then virsh destroy "$name"; fi
virsh undefine "$name"
rock-mac release --force "$name" # it is reserved
