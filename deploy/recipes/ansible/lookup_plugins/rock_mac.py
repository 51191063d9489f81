"""Looks up the address of a device in the ledger, and allocates one if the device has none.

The name of the host is the request key, so every run of a playbook gets the same address.
"""

from __future__ import annotations

import subprocess

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: rock_mac
short_description: the MAC address of a device, from the ledger of rock-mac
options:
  _terms:
    description: ids of devices
    required: true
  pool:
    description: the pool to allocate from
    default: production
  type:
    description: the kind of the device
    default: host
"""


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        return [self._address(str(term)) for term in terms]

    def _address(self, device: str) -> str:
        command = ["rock-mac", "allocate", "-o", "name", "--device", device, "--request-key", f"ansible/{device}"]
        command += ["--pool", self.get_option("pool"), "--type", self.get_option("type")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise AnsibleLookupError(result.stderr.strip())
        return result.stdout.strip()
