#!/usr/bin/env python3
"""Lists the devices of the ledger as an inventory for Ansible: `ansible-inventory -i inventory.py --list`.

Each device is a host with its addresses and its metadata as variables, in a group for its pool and one for its type.
"""

import json
import re
import subprocess
import sys

listing = subprocess.run(["rock-mac", "list", "--limit", "1000000", "-o", "json"], stdout=subprocess.PIPE, check=False)
if listing.returncode != 0:
    sys.exit(listing.returncode)  # rock-mac has said why

hostvars: dict = {}
groups: dict = {}
for address in json.loads(listing.stdout)["items"]:
    device = address.get("device", {}).get("id")
    if not device:
        continue  # an address of a pod, or without a device
    host = hostvars.setdefault(device, {"rock_mac_addresses": []})
    host["rock_mac_addresses"].append(address["mac"])
    host["rock_mac_metadata"] = address["metadata"]
    for name in ("pool_" + address["pool"], "type_" + address["device"].get("type", "none")):
        group = groups.setdefault(re.sub(r"\W", "_", name), {"hosts": []})
        if device not in group["hosts"]:
            group["hosts"].append(device)

json.dump({"_meta": {"hostvars": hostvars}, **groups}, sys.stdout, indent=2)
