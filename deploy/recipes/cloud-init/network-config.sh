#!/usr/bin/env bash
# Prints the network configuration of cloud-init (version 2) for a machine: the card with the address of the ledger is called lan0,
# however the machine numbers its cards. Put it beside user-data and meta-data into the NoCloud image.
#
#   ./network-config.sh NAME >network-config
set -euo pipefail
name=${1:?'usage: network-config.sh NAME'}
mac=$(rock-mac reserve --pool development --device "$name" --type cloud-init --request-key "cloud-init/$name" -o name)

cat <<END
version: 2
ethernets:
  lan0:
    match: { macaddress: '$mac' }
    set-name: lan0
    dhcp4: true
    # Without it the DHCP server sees an id that the image made up, and does not find the reservation of the address.
    dhcp-identifier: mac
END
