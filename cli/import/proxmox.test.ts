import { describe, expect, test } from 'vitest';
import { parseProxmox } from './proxmox.ts';

const MACHINE = `#The web server%3A net0%3A virtio=00%3A00
boot: order=scsi0;net0
cores: 2
ipconfig0: ip=192.0.2.7/24,gw=192.0.2.1,ip6=2001:db8::7/64
ipconfig1: ip=dhcp
name: web-1
net0: virtio=BC:24:11:12:34:56,bridge=vmbr0,firewall=1,tag=20
net1: model=e1000,macaddr=A4:58:0F:01:00:00,bridge=vmbr1
net2: virtio,bridge=vmbr0
scsi0: local-lvm:vm-101-disk-0,size=32G
vmgenid: 1d6a8f0e-0b1b-4b3e-9f2f-000000000000

[before-upgrade]
net0: virtio=BC:24:11:FF:FF:FF,bridge=vmbr0
`;

const CONTAINER = `arch: amd64
hostname: dns
net0: name=eth0,bridge=vmbr0,gw=192.0.2.1,hwaddr=BC:24:11:00:00:01,ip=192.0.2.3/24,ip6=auto,type=veth
rootfs: local-lvm:vm-102-disk-0,size=8G
`;

describe('a file of Proxmox VE', () => {
  test('names the interfaces of a machine now, and not those of its snapshots', () => {
    const vm = { device: 'vm-101', defaultType: 'vm' };
    expect(parseProxmox(MACHINE, '101.conf')).toEqual({
      ok: true,
      notes: [{ line: 9, text: 'net2 has no MAC address' }],
      found: [
        {
          ...{ ...vm, line: 7, mac: 'BC:24:11:12:34:56' },
          metadata: {
            hostname: 'web-1',
            interface: 'net0',
            ip: ['192.0.2.7/24', '2001:db8::7/64'],
            bridge: 'vmbr0',
            vlan: 20,
          },
        },
        {
          ...vm,
          line: 8,
          mac: 'A4:58:0F:01:00:00',
          metadata: { hostname: 'web-1', interface: 'net1', bridge: 'vmbr1' },
        },
      ],
    });
  });

  test('names the interfaces of a container', () => {
    expect(parseProxmox(CONTAINER, '102.conf')).toMatchObject({
      found: [
        {
          ...{ line: 3, mac: 'BC:24:11:00:00:01', device: 'ct-102', defaultType: 'container' },
          metadata: { hostname: 'dns', interface: 'net0', ip: ['192.0.2.3/24'], bridge: 'vmbr0' },
        },
      ],
    });
  });

  test('cannot be read without the id of its guest, or without settings', () => {
    expect(parseProxmox(MACHINE, 'standard input')).toMatchObject({
      unreadable: { text: expect.stringContaining('such as 101.conf') as string },
    });
    expect(parseProxmox('', '101.conf')).toMatchObject({ ok: false });
  });
});
