#!/usr/bin/env bash
# Deletes a libvirt domain and then releases its addresses. The other order would free an address that still answers.
#
#   ./delete.sh NAME
set -euo pipefail
name=${1:?'usage: delete.sh NAME'}

virsh destroy "$name" 2>/dev/null || true # it may not run
virsh undefine "$name"
rock-mac release --force "$name" # it is reserved
