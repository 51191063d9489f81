#!/usr/bin/env bash
# Creates a Vultr instance with a bridge that has an address of the ledger, for containers, nested machines or a VXLAN that reaches your
# other networks. Vultr itself chooses the addresses of the instance's own cards and drops frames with others. After you have deleted the instance: `rock-mac release --force NAME`.
#
#   ./create.sh NAME [more options of `vultr-cli instance create`]
set -euo pipefail
name=${1:?'usage: create.sh NAME [more options of vultr-cli instance create]'}
shift
here=$(dirname "$0")

mac=$(rock-mac reserve --pool vultr --device "$name" --type vultr --request-key "vultr/$name" -o name)
vultr-cli instance create --label "$name" --host "$name" --userdata "$("$here"/user-data.sh "$mac")" "$@"
