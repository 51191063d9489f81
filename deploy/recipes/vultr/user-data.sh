#!/usr/bin/env bash
# Prints the user data that makes the bridge of create.sh.
#
#   ./user-data.sh MAC
set -euo pipefail
mac=${1:?'usage: user-data.sh MAC'}

cat <<END
#cloud-config
write_files:
  - path: /etc/systemd/network/10-lab0.netdev
    content: |
      [NetDev]
      Name=lab0
      Kind=bridge
      MACAddress=$mac
runcmd:
  - [systemctl, restart, systemd-networkd]
END
