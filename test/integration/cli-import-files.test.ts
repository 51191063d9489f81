import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { mac } from '../../mac/mac-address.ts';
import { findingsExceptClock, freshLedger, joinCluster, type TestLedger } from './ledger-fixture.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

let ledger: TestLedger;
let shell: RockMacShell;

beforeEach(async () => {
  ledger = await freshLedger();
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.url });
});

afterEach(async () => {
  await shell.close();
  await ledger.close();
});

async function write(name: string, text: string): Promise<string> {
  const file = path.join(shell.home, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

const listSchema = z.object({
  items: z.array(
    z.object({
      mac: z.string(),
      pool: z.string(),
      state: z.string(),
      device: z.object({ id: z.string(), type: z.string() }),
      metadata: z.record(z.string(), z.unknown()),
    }),
  ),
});

/** Returns what the ledger holds, by address. */
async function held() {
  const { stdout } = await shell.rockMac('list', '-s', 'active,reserved', '-l', '1000', '-o', 'json');
  const { items } = listSchema.parse(JSON.parse(stdout));
  return Object.fromEntries(items.map(({ mac, device, metadata }) => [mac, { ...device, metadata }]));
}

/** A configuration that dnsmasq accepts. */
const DNSMASQ = `port=0
dhcp-range=192.0.2.50,192.0.2.150,12h
dhcp-host=a4:58:0f:01:00:00,set:red,web,192.0.2.7,45m
dhcp-host=A4:58:0F:01:00:01,a4:58:0f:01:00:02,192.0.2.8,infinite # a laptop
dhcp-host=id:01:02:02:04,192.0.2.60
`;

/** A configuration that Kea accepts. */
const KEA = `// the office
{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ ] },
  "lease-database": { "type": "memfile", "persist": false },
  "valid-lifetime": 4000, # seconds
  "subnet4": [ { "subnet": "192.0.2.0/24", "id": 1,
    "pools": [ { "pool": "192.0.2.100 - 192.0.2.200" } ],
    "reservations": [
      { "hw-address": "a4:58:0f:01:00:00", "ip-address": "192.0.2.7", "hostname": "web" },
      /* by a client id */
      { "client-id": "01:02:02:04", "ip-address": "192.0.2.8" }
    ] } ]
} }
`;

/** A domain that libvirt's schema accepts. */
const DOMAIN = `<domain type='kvm'>
  <name>web</name>
  <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>
  <memory unit='KiB'>1048576</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <interface type='network'><mac address='a4:58:0f:01:00:00'/><source network='default'/><model type='virtio'/></interface>
    <interface type='bridge'><mac address='a4:58:0f:01:00:01'/><source bridge='br0'/></interface>
  </devices>
</domain>
`;

const NETWORK = `<network>
  <name>lab</name>
  <bridge name='virbr1'/>
  <ip address='192.0.2.1' netmask='255.255.255.0'>
    <dhcp><range start='192.0.2.100' end='192.0.2.200'/><host mac='a4:58:0f:01:00:02' name='db' ip='192.0.2.8'/></dhcp>
  </ip>
</network>
`;

const MACHINE = `boot: order=scsi0
ipconfig0: ip=192.0.2.7/24,gw=192.0.2.1
name: web
net0: virtio=A4:58:0F:01:00:00,bridge=vmbr0,firewall=1,tag=20
scsi0: local-lvm:vm-101-disk-0,size=32G

[before]
net0: virtio=A4:58:0F:01:00:FF,bridge=vmbr0
`;

const CONTAINER = `arch: amd64
hostname: dns
net0: name=eth0,bridge=vmbr0,hwaddr=A4:58:0F:01:00:01,ip=dhcp,type=veth
rootfs: local-lvm:vm-102-disk-0,size=8G
`;

const NETBOX = JSON.stringify({
  ...{ count: 2, next: null, previous: null },
  results: [
    { id: 1, device: { id: 7, name: 'leaf-1' }, name: 'eth0', mac_address: 'A4:58:0F:01:00:00', description: 'uplink' },
    {
      id: 2,
      virtual_machine: { id: 9, name: 'vm-9' },
      name: 'ens3',
      mac_address: 'A4:58:0F:01:00:01',
      description: '',
    },
  ],
});

describe('every format is imported, with its devices and metadata', () => {
  test.each([
    {
      format: 'csv',
      files: { 'hosts.csv': 'mac,device,type,ip,rack\nA4-58-0F-01-00-00,web,kvm,192.0.2.7,a7\n' },
      wanted: { 'a4:58:0f:01:00:00': { id: 'web', type: 'kvm', metadata: { ip: '192.0.2.7', rack: 'a7' } } },
    },
    {
      format: 'libvirt',
      files: { 'qemu/web.xml': DOMAIN, 'qemu/networks/lab.xml': NETWORK, 'qemu/notes.txt': 'x' },
      wanted: {
        'a4:58:0f:01:00:00': {
          ...{ id: 'web', type: 'vm' },
          metadata: { uuid: '4dea22b3-1d52-d8f3-2516-782e98ab3fa0', network: 'default' },
        },
        'a4:58:0f:01:00:01': {
          ...{ id: 'web', type: 'vm' },
          metadata: { uuid: '4dea22b3-1d52-d8f3-2516-782e98ab3fa0', bridge: 'br0' },
        },
        'a4:58:0f:01:00:02': { id: 'db', type: 'host', metadata: { ip: '192.0.2.8', hostname: 'db', network: 'lab' } },
      },
    },
    {
      format: 'proxmox',
      files: {
        'pve/nodes/a/qemu-server/101.conf': MACHINE,
        'pve/nodes/b/lxc/102.conf': CONTAINER,
        'pve/nodes/b/host.fw': 'x',
      },
      wanted: {
        'a4:58:0f:01:00:00': {
          ...{ id: 'vm-101', type: 'vm' },
          metadata: { ip: '192.0.2.7', hostname: 'web', interface: 'net0', bridge: 'vmbr0', vlan: 20 },
        },
        'a4:58:0f:01:00:01': {
          ...{ id: 'ct-102', type: 'container' },
          metadata: { hostname: 'dns', interface: 'net0', bridge: 'vmbr0' },
        },
      },
    },
    {
      format: 'netbox-json',
      files: { 'interfaces.json': NETBOX },
      wanted: {
        'a4:58:0f:01:00:00': { id: 'leaf-1', type: 'device', metadata: { interface: 'eth0', description: 'uplink' } },
        'a4:58:0f:01:00:01': { id: 'vm-9', type: 'vm', metadata: { interface: 'ens3' } },
      },
    },
    {
      format: 'kea',
      files: { 'kea-dhcp4.conf': KEA },
      wanted: {
        'a4:58:0f:01:00:00': {
          ...{ id: 'web', type: 'host' },
          metadata: { ip: '192.0.2.7', hostname: 'web', subnet: '192.0.2.0/24' },
        },
      },
    },
    {
      format: 'dnsmasq',
      files: { 'dnsmasq.conf': DNSMASQ },
      wanted: {
        'a4:58:0f:01:00:00': { id: 'web', type: 'host', metadata: { ip: '192.0.2.7', hostname: 'web', tags: 'red' } },
        'a4:58:0f:01:00:01': { id: 'a4:58:0f:01:00:01', type: 'host', metadata: { ip: '192.0.2.8' } },
        'a4:58:0f:01:00:02': { id: 'a4:58:0f:01:00:02', type: 'host', metadata: { ip: '192.0.2.8' } },
      },
    },
    {
      format: 'ethers',
      files: { ethers: 'a4:58:0f:01:00:00 web\na4:58:f:1:0:1 192.0.2.8\n' },
      wanted: {
        'a4:58:0f:01:00:00': { id: 'web', type: 'host', metadata: { hostname: 'web' } },
        'a4:58:0f:01:00:01': { id: 'a4:58:0f:01:00:01', type: 'host', metadata: { ip: '192.0.2.8' } },
      },
    },
  ])('$format', async ({ format, files, wanted }) => {
    const written: string[] = [];
    for (const [name, text] of Object.entries(files)) written.push(await write(name, text));
    const [first = ''] = Object.keys(files);
    const named = first.includes('/') ? path.join(shell.home, first.split('/', 1)[0] ?? '') : (written[0] ?? '');
    const count = Object.keys(wanted).length;
    const dry = await shell.rockMac('import', '-f', format, named, '--dry-run');
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Would import ${String(count)} address`) as string,
    });
    expect(await held()).toEqual({});
    expect(await shell.rockMac('import', '-f', format, named)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^Imported \d addresse?s? of \d files?\n {2}development: \d, released after 7d/,
      ) as string,
    });
    expect(await held()).toEqual(wanted);
    expect(await shell.rockMac('import', '-f', format, named)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        new RegExp(`^Imported 0 addresses of \\d files?\\nUnchanged: ${String(count)}\\n$`),
      ) as string,
    });
    expect(await findingsExceptClock(ledger.db)).toEqual([]);
  });
});

describe('the files of these tests are such as the programs themselves accept', () => {
  test.skipIf(!existsSync('/usr/sbin/dnsmasq'))('dnsmasq (skipped without dnsmasq-base)', async () => {
    const file = await write('dnsmasq.conf', DNSMASQ);
    execFileSync('/usr/sbin/dnsmasq', ['--test', `--conf-file=${file}`], { stdio: 'pipe' });
  });

  test.skipIf(!existsSync('/usr/sbin/kea-dhcp4'))('Kea (skipped without kea-dhcp4-server)', async () => {
    const file = await write('kea-dhcp4.conf', KEA);
    execFileSync('/usr/sbin/kea-dhcp4', ['-t', file], { stdio: 'pipe' });
  });

  test.skipIf(!['virt-xml-validate', 'xmllint'].every((program) => existsSync(`/usr/bin/${program}`)))(
    'libvirt (skipped without libvirt-clients and libxml2-utils)',
    async () => {
      for (const text of [DOMAIN, NETWORK])
        execFileSync('/usr/bin/virt-xml-validate', [await write('a.xml', text)], { stdio: 'pipe' });
    },
  );
});

const CONFLICTS = `mac,device,pool
a4:58:0f:01:00:00,fine,
a4:58:0f:01:00:01,taken,
52:54:00:00:00:01,outside,
52:54:00:00:00:02,outside,
01:00:5e:00:00:01,multicast,
a4:58:0f:01:00:02,one,
A4-58-0F-01-00-02,two,
a4:58:0f:01:00:03,seen,
a4:58:0f:01:00:04,wrong pool,docker
nonsense,bad,
`;

describe('conflicts', () => {
  beforeEach(async () => {
    expect(await shell.rockMac('reserve', '-m', 'a4:58:0f:01:00:01', '-d', 'db')).toMatchObject({ code: 0 });
    await joinCluster(ledger.db, 'c1');
    const object = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'p', uid: 'u', nic: 'eth0' };
    await observe(ledger.db, [{ mac: mac('a4:58:0f:01:00:03'), object, limited: false, running: true }], 'operator');
  });

  test('refuse the whole import, each with its line and each kind with the next step', async () => {
    const file = await write('hosts.csv', CONFLICTS);
    const table = path.join(shell.home, 'left.csv');
    for (const flags of [['--dry-run'], []]) {
      const { code, stdout, stderr } = await shell.rockMac('import', '-f', 'csv', file, '--conflicts', table, ...flags);
      expect({ code, stderr }).toEqual({
        code: 4,
        stderr:
          'Error: Nothing was imported because of 9 conflict(s). Resolve them, or add --skip-conflicts to import the others.\n',
      });
      const lines = stdout.split('\n');
      expect(lines.slice(0, 9)).toEqual([
        'Would import 1 address of 1 file',
        '  development: 1, released after 7d unless they are renewed; --reserved keeps them',
        'Conflicts: 9',
        '  no address of a device: 2. Correct them in the file.',
        '  named for two devices: 2. Leave each address at one device.',
        '  outside of every pool: 2. Add their prefix with `rock-mac prefix add` and their range with `rock-mac pool add`.',
        '  in another pool than the named one: 1. Leave the pool out: the address determines it.',
        '  held by another owner: 1. See who with `rock-mac show`, then correct the file or release them.',
        '  used by an object of a cluster: 1. See which with `rock-mac show`. Two devices must not have one address.',
      ]);
      expect(stdout).toContain(`  ${file}:3: a4:58:0f:01:00:01 (taken): reserved for db\n`);
    }
    const rows = (await readFile(table, 'utf8')).trimEnd().split('\n');
    expect(rows[0]).toBe('file,line,mac,device,conflict,detail');
    expect(rows).toHaveLength(10);
    expect(rows).toContain(`${file},7,a4:58:0f:01:00:02,one,two-devices,"one in ${file}:7, two in ${file}:8"`);
    expect(Object.keys(await held())).not.toContain('a4:58:0f:01:00:00');
  });

  test('can be left out, and an import with the range of the others takes them later', async () => {
    const file = await write('hosts.csv', CONFLICTS);
    const { code, stdout } = await shell.rockMac('import', '-f', 'csv', file, '--skip-conflicts', '--reserved');
    expect({ code, first: stdout.split('\n').slice(0, 3) }).toEqual({
      code: 0,
      first: ['Imported 1 address of 1 file', '  development: 1', 'Conflicts: 9'],
    });
    expect(await findByMac(ledger.db, mac('a4:58:0f:01:00:00'))).toMatchObject({
      state: 'reserved',
      device: { id: 'fine' },
    });
    await shell.rockMac('prefix', 'add', '52:54:00');
    await shell.rockMac('pool', 'add', 'kvm', '--first', '52:54:00:00:00:00', '--size', '256');
    // The cluster has not looked for addresses of the new prefix, so a device of it may use one.
    const early = await shell.rockMac('import', '-f', 'csv', file, '--skip-conflicts');
    expect(early.stdout).toContain('  in a pool that hands out nothing now: 2.');
    await ledger.sql(`update rock_mac.clusters set looked_under = '{a4:58:0f,52:54:00}'`);
    const later = await shell.rockMac('import', '-f', 'csv', file, '--skip-conflicts');
    expect(later.stdout).toMatch(/^Imported 2 addresses of 1 file\n {2}kvm: 2.*\nUnchanged: 1\nConflicts: 7\n/);
  });
});

test('metadata of a device that has its address already changes only with --update', async () => {
  await shell.rockMac('import', '-f', 'csv', await write('a.csv', 'mac,device,rack\na4580f010000,web,a7\n'));
  const moved = await write('b.csv', 'mac,device,rack,ip\na4580f010000,web,b2,192.0.2.7\n');
  const kept = await shell.rockMac('import', '-f', 'csv', moved);
  expect(kept.stdout).toContain('Other metadata in the ledger: 1. Add --update to write that of the files.\n');
  const updated = await shell.rockMac('import', '-f', 'csv', moved, '--update', '--reason', 'rack 7 moved');
  expect(updated.stdout).toContain('Updated the metadata of 1 address\n');
  expect(await held()).toMatchObject({ 'a4:58:0f:01:00:00': { metadata: { rack: 'b2', ip: '192.0.2.7' } } });
  expect((await shell.rockMac('audit', 'a4:58:0f:01:00:00', '-o', 'wide')).stdout).toContain('rack 7 moved');
});

test('a file that cannot be read imports nothing, and is named with its line', async () => {
  const good = await write('a.csv', 'mac,device\na4:58:0f:01:00:00,web\n');
  const bad = await write('b.csv', 'mac,device\na4:58:0f:01:00:01,"web\n');
  for (const [args, message] of [
    [['-f', 'csv', good, bad], `Nothing was imported: ${bad}:2: it is no CSV`],
    [['-f', 'kea', good], `Nothing was imported: ${good}:1: it is no JSON. Correct the file, or name another format.`],
    [['-f', 'csv', path.join(shell.home, 'none.csv')], 'none.csv cannot be read (there is no such file)'],
    [['-f', 'libvirt', path.join(shell.home, 'bin')], 'bin has no file of this format'],
  ] as const) {
    const { code, stdout, stderr } = await shell.rockMac('import', ...args);
    expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: '' });
    expect(stderr).toContain(message);
  }
  await writeFile(good, Buffer.from('mac,device\na4:58:0f:01:00:00,b\xfcro\n', 'latin1'));
  expect((await shell.rockMac('import', '-f', 'csv', good)).stderr).toContain('is no text in UTF-8');
  expect(await held()).toEqual({});
});

test('a pool that does not exist is refused, also where conflicts are left out', async () => {
  const file = await write('a.csv', 'mac,device\na4:58:0f:01:00:00,web\n');
  for (const flags of [['--dry-run'], ['--skip-conflicts'], []]) {
    const { code, stdout, stderr } = await shell.rockMac('import', '-f', 'csv', file, '-p', 'developement', ...flags);
    expect({ flags, code, stdout }).toEqual({ flags, code: 1, stdout: '' });
    expect(stderr).toContain('There is no pool "developement". Did you mean development?');
  }
});

test('a folder may have files without anything of the format, which are named', async () => {
  await write('dnsmasq.d/README', 'Put files here.\n');
  await write('dnsmasq.d/hosts', 'dhcp-host=a4:58:0f:01:00:00,web\n');
  const { code, stderr } = await shell.rockMac('import', '-f', 'dnsmasq', path.join(shell.home, 'dnsmasq.d'));
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: `Left out: ${shell.home}/dnsmasq.d/README: there is no dhcp-host line, and none of a dhcp-hostsfile or of /etc/ethers.\n`,
  });
  expect(Object.keys(await held())).toEqual(['a4:58:0f:01:00:00']);
  const alone = await shell.rockMac('import', '-f', 'dnsmasq', path.join(shell.home, 'dnsmasq.d', 'README'));
  expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing was imported') as string });
});

test('standard input is a file too, and names get the prefix of the command', async () => {
  const { code } = await shell.bash(
    `printf 'mac,device\\na4:58:0f:01:00:00,web\\n' | rock-mac import -f csv - --device-prefix host-1/ --type kvm`,
  );
  expect(code).toBe(0);
  expect(await held()).toEqual({ 'a4:58:0f:01:00:00': { id: 'host-1/web', type: 'kvm', metadata: {} } });
});

test('a table that rock-mac exported brings back the same addresses, and what was reserved is reserved again', async () => {
  await shell.rockMac('reserve', '-d', 'gw', '--ip', '192.0.2.1,2001:db8::1', '-p', 'development');
  await shell.rockMac('allocate', '-d', '=1+1, "web" #2', '--hostname', 'web');
  const { stdout: exported } = await shell.rockMac('export', '-f', 'csv');
  const before = await held();
  expect(Object.keys(before)).toHaveLength(2);
  for (const device of ['gw', '=1+1, "web" #2']) await shell.rockMac('release', device, '--force');
  const file = await write('exported.csv', exported);
  const { code, stdout } = await shell.rockMac('import', '-f', 'csv', file, '--override-delay');
  expect({ code, first: stdout.split('\n', 1)[0] }).toEqual({ code: 0, first: 'Imported 2 addresses of 1 file' });
  expect(await held()).toEqual(before);
  expect((await shell.rockMac('export', '-f', 'csv')).stdout).toBe(exported);
});

test('flags about other files are refused without their format', async () => {
  for (const args of [['--update'], ['--skip-conflicts', 'a.db'], ['a.db', 'b.db']]) {
    const { code, stderr } = await shell.rockMac('import', ...args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toContain('only be imported with --format');
  }
  expect(await shell.rockMac('import', '-f', 'csv')).toMatchObject({ code: 2 });
});

test('nothing is imported before a decision about the file of the predecessor', async () => {
  await write('.rock/mac-dispenser.db', 'no database');
  const file = await write('a.csv', 'mac,device\na4:58:0f:01:00:00,web\n');
  const { code, stderr } = await shell.rockMac('import', '-f', 'csv', file);
  expect({ code, stderr }).toEqual({ code: 7, stderr: expect.stringContaining('before you decide about') as string });
});
