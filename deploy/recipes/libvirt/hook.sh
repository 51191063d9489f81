#!/usr/bin/env bash
# A hook of libvirt: copy it to /etc/libvirt/hooks/qemu. It refuses to start a domain with an address that the ledger has not given to
# it, such as one that was cloned.
#
# libvirt calls it with the domain's name and an operation, and with its XML on stdin. A failure of `prepare` stops the start:
# https://libvirt.org/hooks.html. A hook must not call libvirt.
#
# PREFIX is the prefix of the ledger. Other addresses are not looked at.
set -euo pipefail
domain=$1 operation=$2
prefix=${PREFIX:-a4:58:0f}

[ "$operation" = prepare ] || exit 0

# Without the ledger nobody can know whose address it is. A machine that ran yesterday should start all the same.
if ! held=$(rock-mac list --device="$domain" --status active,reserved -o name); then
  echo "rock-mac: the ledger cannot be read, so the addresses of $domain were not checked" >&2
  exit 0
fi

used=$(grep -oiE "<mac address=['\"][0-9a-f:]{17}" | grep -oiE '[0-9a-f:]{17}$' | tr '[:upper:]' '[:lower:]' || true)
for mac in $used; do
  case $mac in "${prefix,,}":*) ;; *) continue ;; esac
  if ! grep -qx "$mac" <<<"$held"; then
    echo "rock-mac: $domain does not hold $mac: see \`rock-mac show $mac\`" >&2
    exit 1
  fi
done
