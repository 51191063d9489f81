import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allocate } from '../../ledger/address/allocate.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { createNode } from './hand-made-node.ts';
import { aClaim, addressesOf, aPod, installedEnvOfThisFile, untilNoAllocations, untilReason } from './installed-env.ts';
import { installPacked, type Packed } from './packed.ts';
import { type Ended, openPluginShell, type PluginShell, usersOf } from './plugin-shell.ts';

/*
 * `kubectl rock-mac` from the packed tarball, called by kubectl in a real installation. dev may use only the pool
 * development, ada may read the whole ledger, and eve has no permissions.
 */

const installed = installedEnvOfThisFile();
const MAC = /a4:58:0f:01:[0-9a-f]{2}:[0-9a-f]{2}/;
const NOTE =
  /^Note: without the ledger's read API \(.*\) only MacAllocations of namespace default and MacPools are shown\.\n$/;

let packed: Packed;
let folder: string;
let shell: PluginShell;
let dev = '';
let ada = '';
let eve = '';
let admin = '';

beforeAll(async () => {
  const { plane } = installed();
  packed = await installPacked();
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-exported-'));
  shell = await openPluginShell(plane.binaries.kubectl, packed.path);
  ({ dev, ada, admin } = await usersOf(plane, shell));
  eve = await plane.userKubeconfig('eve');
}, 180_000);

afterAll(async () => {
  await shell.close();
  await packed.remove();
  await rm(folder, { recursive: true });
});

/** Runs a command that must succeed without messages on stderr. Returns stdout. */
async function out(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  const ended = await shell.rockMac(kubeconfig, ...args);
  expect({ args, code: ended.code, stderr: ended.stderr }).toEqual({ args, code: 0, stderr: '' });
  return ended.stdout;
}

/** Runs a command that must fail with an error message and no output. */
async function refused(kubeconfig: string, ...args: readonly string[]): Promise<Ended> {
  const ended = await shell.rockMac(kubeconfig, ...args);
  expect(ended.stdout).toBe('');
  expect(ended.stderr).toMatch(/^Error: /m);
  return ended;
}

describe('transfer', () => {
  beforeAll(async () => {
    const { plane } = installed();
    await plane.kubectl(['create', 'namespace', 'team-b']);
  });

  test('hands the address of a claim over to a claim in another namespace, and repeats that without a change', async () => {
    const address = (await out(admin, 'reserve', '-p', 'reserved', '-d', 'licence', '-o', 'name')).trim();
    const dry = await shell.rockMac(admin, 'transfer', address, '--to', 'team-b/licence', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: '' });
    expect(dry.stderr).toMatch(/^a4:58:0f:ff:\S+ would be handed over from claim default\/\S+ to team-b\/licence/);
    for (let n = 0; n < 2; n++) {
      expect(await out(admin, 'transfer', address, '--to', 'team-b/licence')).toBe(
        `Transferred MAC: ${address} to team-b/licence\n`,
      );
    }
    expect(await findByMac(installed().ledger, mac(address))).toMatchObject({
      ...{ state: 'reserved', generation: 2, device: { id: 'licence' } },
      owner: { namespace: 'team-b', name: 'licence' },
    });
    await untilNoAllocations(installed().plane);
    await out(admin, 'release', '-n', 'team-b', '--force', address);
  });

  test('leaves nothing behind if the user may not create the other claim', async () => {
    const address = (await out(dev, 'allocate', '-d', 'stays', '-o', 'name')).trim();
    const tried = await refused(dev, 'transfer', address, '--to', 'team-b/stays');
    expect(tried.code).toBe(6);
    const { plane } = installed();
    const annotations = await plane.kubectl(['get', 'ma', '-o', 'jsonpath={.items[*].metadata.annotations}']);
    expect(annotations).not.toContain('transfer-to');
    await out(dev, 'release', address);
  });

  test('is refused for the address of a pod, for one that is used, and for one that nobody holds', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: aPod('worker', { networks: '[{"name":"blue"}]' }) });
    const [nic] = await addressesOf(plane, 'worker');
    await plane.kubectl([
      'wait',
      '--for=create',
      'macallocations',
      '-l',
      'mac.rock-os.io/consumer-uid',
      '--timeout=20s',
    ]);
    const ofPod = await refused(admin, 'transfer', nic?.mac ?? '', '--to', 'team-b/x');
    expect(ofPod.stderr).toMatch(/is held by Pod default\/worker, and only claims are handed over/);
    const nobody = await refused(admin, 'transfer', 'a4:58:0f:ff:77:77', '--to', 'team-b/x');
    expect(nobody).toMatchObject({ code: 3 });
    expect((await refused(admin, 'transfer', 'a4:58:0f:ff:77:77', '--to', 'x')).stderr).toMatch(/namespace\/name/);
    await plane.kubectl(['delete', 'pod', 'worker', '--force', '--grace-period=0']);
    await untilNoAllocations(plane);
  });
});

describe('scripts of the predecessor', () => {
  test('awk finds the address, and a trap releases it', async () => {
    const { code, stdout, stderr } = await shell.bash(
      dev,
      `set -e
      MAC=$(kubectl rock-mac allocate --pool development --device "vm-$(date +%s)" | awk '/Allocated MAC:/ {print $3}')
      trap "kubectl rock-mac release $MAC" EXIT
      echo "using $MAC"`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^using a4:58:0f:01:\S+\nReleased 1 MAC address\(es\)\n$/);
    await untilNoAllocations(installed().plane);
  });

  test('an unknown address or device is not an error and has the same messages', async () => {
    const released = await shell.rockMac(dev, 'release', 'nobody');
    expect(released).toMatchObject({ code: 0, stdout: 'No active allocations found for: nobody\n' });
    const shown = await shell.rockMac(ada, 'show', 'a4:58:0f:01:77:77');
    expect(shown).toMatchObject({ code: 0, stdout: 'MAC address not found: a4:58:0f:01:77:77\n' });
  });

  test('commands that need a ledger explain how to run them', async () => {
    for (const command of ['init', 'backup', 'sql', 'stock', 'prefix add']) {
      const { code, stderr } = await refused(dev, ...command.split(' '));
      expect(code).toBe(1);
      expect(stderr).toMatch(/works on the ledger itself, not through a cluster\. Run `rock-mac/);
    }
  });
});

describe('a claim of the plugin', () => {
  test('expires with the period of its pool, names its device, can be renewed, and is released by device', async () => {
    const { plane } = installed();
    const allocated = await out(dev, 'allocate', '-d', 'my-vm', '-m', '{"rack": "a7", "slot": 3}');
    const [address = ''] = MAC.exec(allocated) ?? [];
    expect(allocated).toBe(`Allocated MAC: ${address}\n`);
    const path = '{.items[0].spec.expiresAfter} {.items[0].spec.device.id} {.items[0].spec.attributes}';
    const spec = await plane.kubectl(['get', 'macallocations', '-o', `jsonpath=${path}`]);
    expect(spec).toBe('7d my-vm {"rack":"a7","slot":"3"}');
    // Renews twice within a second: the expiry has whole seconds and may not change.
    const renewals = [await out(dev, 'renew', 'my-vm'), await out(dev, 'renew', 'my-vm')];
    for (const line of renewals) expect(line).toMatch(new RegExp(`^Renewed MAC: ${address} until \\d{4}-`));
    expect(await out(dev, 'release', 'my-vm')).toBe('Released 1 MAC address(es)\n');
    expect((await findByMac(installed().ledger, mac(address)))?.state).toBe('released');
  });

  test('is found by the name that the plugin prints', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('web', { pool: 'development', expiresAfter: '2d' }) });
    await untilReason(plane, 'web', 'Allocated');
    for (const [user, name] of [
      [ada, 'default/web'],
      [ada, 'MacAllocation/default/web'],
      [ada, 'web'],
    ] as const) {
      const address = (await out(user, 'show', name, '-o', 'name')).trim();
      expect(address).toMatch(MAC);
      expect(await out(user, 'audit', name)).toContain(address);
    }
    expect((await shell.rockMac(dev, 'show', 'web')).stdout).toMatch(/^MAC Address: {2}a4/);
    expect(await out(dev, 'renew', 'default/web')).toMatch(/^Renewed MAC: a4/);
    const nothing = await shell.rockMac(dev, 'release', 'default/nothing');
    expect(nothing).toMatchObject({ code: 0, stdout: 'No active allocations found for: default/nothing\n' });
    expect(await out(dev, 'release', 'web')).toBe('Released 1 MAC address(es)\n');
  });

  test('is returned again for the same request key', async () => {
    const [first, second] = [
      await out(dev, 'allocate', '--request-key', 'eth0', '-o', 'name'),
      await out(dev, 'allocate', '--request-key', 'eth0', '-o', 'name'),
    ];
    expect(second).toBe(first);
    expect(first).toMatch(/^a4:58:0f:01:\S+\n$/);
    for (const different of [
      ['-p', 'docker'],
      ['-d', 'other'],
      ['-t', 'container'],
    ]) {
      const other = await refused(admin, 'allocate', '--request-key', 'eth0', ...different);
      expect(other.stderr).toMatch(/request key already belongs to MacAllocation key-/);
      expect(other.code).toBe(4);
    }
    expect(await out(dev, 'release', first.trim())).toBe('Released 1 MAC address(es)\n');
  });

  test('that is reserved is released only with --force', async () => {
    const wanted = 'a4:58:0f:ff:00:42';
    expect(await out(admin, 'reserve', '-m', wanted.toUpperCase(), '-d', 'gateway')).toBe(`Reserved MAC: ${wanted}\n`);
    expect((await findByMac(installed().ledger, mac(wanted)))?.state).toBe('reserved');
    expect(await refused(admin, 'release', wanted)).toMatchObject({ code: 4 });
    const other = await refused(admin, 'reserve', '-p', 'production', '-m', wanted);
    expect(other.stderr).toMatch(/is in pool reserved, not in production/);
    expect(await out(admin, 'release', '--force', wanted)).toBe('Released 1 MAC address(es)\n');
    expect((await findByMac(installed().ledger, mac(wanted)))?.state).toBe('released');
  });

  test('that was released is taken inside its reuse delay only with --override-delay', async () => {
    const wanted = 'a4:58:0f:ff:00:43';
    await out(admin, 'reserve', '-m', wanted, '-d', 'old-gateway');
    await out(admin, 'release', '--force', wanted);
    const { plane } = installed();
    await plane.kubectl(['create', 'namespace', 'hurry']);
    const late = await refused(admin, 'reserve', '-n', 'hurry', '-m', wanted, '-d', 'gateway');
    expect(late.stderr).toMatch(/was released, and until .*override-reuse-delay/);
    expect(await out(admin, 'reserve', '-n', 'hurry', '-m', wanted, '-d', 'gateway', '--override-delay')).toBe(
      `Reserved MAC: ${wanted}\n`,
    );
    await out(admin, 'release', '-n', 'hurry', '--force', wanted);
  });

  test('that is held for a pod which may still run is released only with --force', async () => {
    const { plane } = installed();
    const node = await createNode(plane, 'silent');
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('gate', { pool: 'development' }) });
    const address = (await untilReason(plane, 'gate', 'Allocated')).status?.mac ?? '';
    const annotations = { 'mac.rock-os.io/allocation': 'gate' };
    await plane.kubectl(['create', '-f', '-'], { input: aPod('lost', { annotations, nodeName: node.name }) });
    await plane.kubectl(['wait', '--for=jsonpath={.status.consumer.node}=silent', 'macallocation/gate']);
    await plane.kubectl(['delete', 'pod', 'lost', '--force', '--grace-period=0']);
    await eventually(async () => {
      const { code, stderr } = await shell.rockMac(dev, 'release', address);
      expect(stderr).toMatch(/is held for pod default\/lost, which was deleted before .* add --force\.\n$/);
      expect(code).toBe(4);
    });
    expect(await out(dev, 'release', '--force', address)).toBe('Released 1 MAC address(es)\n');
    expect((await findByMac(installed().ledger, mac(address)))?.state).toBe('released');
  });

  test.each(['--dry-run', '--dry-run=server'])('is not created by %s', async (flag) => {
    const { code, stdout, stderr } = await shell.rockMac(dev, 'allocate', flag, '-d', 'x');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/would be created in namespace default, from pool development \(server dry run\)/);
    await untilNoAllocations(installed().plane);
  });

  test('is neither released nor renewed by a dry run, which prints the number', async () => {
    const address = (await out(dev, 'allocate', '-d', 'stays', '-o', 'name')).trim();
    expect(await out(dev, 'release', 'stays', '--dry-run')).toBe('Would release 1 MAC address(es)\n');
    expect((await findByMac(installed().ledger, mac(address)))?.state).toBe('active');
    const renewed = await shell.rockMac(dev, 'renew', 'stays', '--dry-run');
    expect(renewed).toMatchObject({ code: 0, stdout: '', stderr: 'Would renew 1 address(es) (dry run).\n' });
    expect((await shell.rockMac(dev, 'renew', 'nobody', '--dry-run')).code).toBe(3);
    expect(await out(dev, 'release', 'stays')).toBe('Released 1 MAC address(es)\n');
  });

  test("does not release a pod's address, and names the pod", async () => {
    const { plane } = installed();
    await plane.kubectl(['apply', '-f', '-'], { input: aPod('box') });
    const address = (await addressesOf(plane, 'box'))[0]?.mac ?? '';
    await eventually(async () => {
      const { code, stderr } = await shell.rockMac(dev, 'release', address);
      expect(stderr).toContain(`${address} is held by pod default/box, so it was not released. Delete the pod`);
      expect(code).toBe(4);
    });
    expect(await out(dev, 'renew', address)).toBe(`${address} never expires\n`);
    await plane.kubectl(['delete', 'pod', 'box', '--force', '--grace-period=0']);
    await untilNoAllocations(plane);
  });
});

describe('reading commands', () => {
  let address = '';
  beforeAll(async () => {
    address = (await out(dev, 'allocate', '-d', 'shown', '-o', 'name')).trim();
  });
  afterAll(async () => {
    await out(dev, 'release', 'shown');
  });

  test('show the whole ledger with history to an auditor', async () => {
    expect(await out(ada, 'list', '-A')).toMatch(
      new RegExp(
        `^NAMESPACE +MAC Address +Pool .*\n-{80}\n(.*\n)*default +${address} +development +shown +active .*\n(.*\n)*\nTotal: \\d+ alloc`,
      ),
    );
    const shown = await out(ada, 'show', address);
    expect(shown).toMatch(/^MAC Address: {2}a4.*\nPool: {9}development\nStatus: {7}active\nDevice ID: {4}shown\n/);
    expect(shown).toMatch(/History, newest first:\n.*allocate/);
    expect(await out(ada, 'audit', address)).toMatch(/allocate +a4:58:0f:01:\S+ dev /);
    // The NIC of a claim is empty.
    expect(await out(ada, 'audit', address)).toMatch(/ MacAllocation\/default\/shown-\w+\n/);
    expect(await out(ada, 'audit', '--actor', 'nobody', '-o', 'name')).toBe('');
    expect(await out(ada, 'list', '-o', 'name', '--status', 'all', '--sort-by', 'mac')).toContain(`${address}\n`);
    expect(await out(ada, 'list', '-n', 'kube-system')).toBe('No allocations found\n');
    expect(await out(ada, 'stats')).toMatch(
      /^Pool +Description +Active .*\n-{80}\n(.*\n)*development +Development VMs +1 /,
    );
  });

  test('list follows kubectl: the namespace, all of them, labels, templates and columns', async () => {
    const { ledger, plane } = installed();
    const device = { id: 'outside-of-all', type: 'host' };
    const request = { key: 'device/outside-of-all', pool: 'vultr', state: 'active', device } as const;
    await allocate(ledger, 'vultr', [{ ...request, requester: 't', actor: 't' }], { leaseSeconds: 60 });
    expect(await out(ada, 'list', '-o', 'name')).toContain(address);
    expect(await out(ada, 'list')).not.toContain('outside-of-all');
    expect(await out(ada, 'list', '-A', '-p', 'vultr')).toMatch(/\n {21}a4:58:0f:\S+ +vultr +outside-of-all +active/);
    const claim = (await plane.kubectl(['get', 'macallocation', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
    await plane.kubectl(['label', 'macallocation', claim, 'tier=front']);
    const mac = await plane.kubectl(['get', 'macallocation', claim, '-o', 'jsonpath={.status.mac}']);
    expect(await out(dev, 'list', '-l', 'tier=front', '-o=jsonpath={.kind} {.items[*].mac}')).toBe(
      `AddressList ${mac}`,
    );
    expect(await out(ada, 'list', '-A', '-l', 'tier!=front', '-o', 'name')).not.toContain(mac);
    const columns = 'custom-columns=MAC:.mac,OWNER:.owner.name';
    expect(await out(ada, 'list', '-o', columns)).toMatch(new RegExp(`^MAC +OWNER\n(.*\n)*${mac} +${claim}\n`));
    expect(await out(ada, 'list', '-o', 'csv')).toMatch(
      /^mac,pool,state,device,type,cluster,namespace,kind,name,nic,.*\na4:/,
    );
    expect((await refused(dev, 'list', '-l', 'a b c')).stderr).toMatch(/Unable to parse/);
  });

  test('show the objects of the namespace to other users, with a note on stderr', async () => {
    const listed = await shell.rockMac(dev, 'list', '-d', 'shown', '-o', 'name');
    expect(listed).toMatchObject({ code: 0, stdout: `${address}\n` });
    expect(listed.stderr).toMatch(NOTE);
    const shown = await shell.rockMac(dev, 'show', 'shown');
    expect(shown.stdout).toMatch(/^MAC Address: {2}a4/);
    expect(shown.stderr).toMatch(NOTE);
    const stats = await shell.rockMac(dev, 'stats');
    expect(stats).toMatchObject({ code: 0 });
    expect(stats.stdout).toMatch(/development +Development VMs +\d+/);
    expect(await refused(dev, 'audit')).toMatchObject({ code: 6 });
  });

  test('list --watch shows allocations and releases', async () => {
    const { child, ended, stdout } = shell.start(dev, 'list', '--watch', '-d', 'passing');
    const until = (state: RegExp) =>
      eventually(
        () => {
          expect(stdout()).toMatch(state);
        },
        { within: 30_000 },
      );
    await out(dev, 'allocate', '-d', 'passing');
    await until(/ active /);
    await out(dev, 'release', 'passing');
    await until(/ released /);
    child.kill('SIGTERM');
    expect((await ended).stdout).toMatch(/^MAC Address .*\n-{80}\n.* passing +active .*\n.* passing +released /);
  });

  test('list --watch of the whole ledger includes devices', async () => {
    const { ledger } = installed();
    const { child, ended, stdout } = shell.start(
      ada,
      'list',
      '--watch',
      '-A',
      '-p',
      'vultr',
      '-s',
      'all',
      '-o',
      'json',
    );
    const device = { id: 'outside', type: 'host' };
    const request = { key: 'device/outside', pool: 'vultr', state: 'active', device } as const;
    let count = 0;
    await eventually(
      async () => {
        // Repeats until the watch has started, which is visible only by its output.
        const key = `device/outside-${String(count++)}`;
        await allocate(ledger, 'vultr', [{ ...request, key, requester: 't', actor: 't' }], { leaseSeconds: 60 });
        expect(stdout()).toContain('"outside"');
      },
      { within: 30_000, every: 1_000 },
    );
    child.kill('SIGTERM');
    const [first = ''] = (await ended).stdout.split('\n');
    expect(JSON.parse(first)).toMatchObject({ pool: 'vultr', state: 'active', device });
  });

  test('list pages without the ledger too', async () => {
    await out(dev, 'allocate', '-d', 'second');
    const first = await shell.rockMac(dev, 'list', '--limit', '1', '-o', 'json', '--sort-by', 'device');
    expect(JSON.parse(first.stdout)).toMatchObject({ items: [{ device: { id: 'second' } }], next: '1' });
    const args = ['list', '--limit', '1', '-o', 'json', '--sort-by', 'device', '--after', '1'];
    const { items, next } = JSON.parse((await shell.rockMac(dev, ...args)).stdout) as Record<string, unknown>;
    expect({ items, next }).toMatchObject({ items: [{ device: { id: 'shown' } }], next: undefined });
    await out(dev, 'release', 'second');
  });

  test('export has devices and claims for an auditor, the MacAllocations for others, and follows both', async () => {
    const { ledger } = installed();
    const flags = ['-d', 'exported', '--ip', '192.0.2.7', '--hostname', 'Exported', '-o', 'name'];
    const claim = (await out(dev, 'allocate', ...flags, '-l', 'app=exported')).trim();
    const outside = { key: 'device/exported', pool: 'vultr', state: 'active', metadata: { ip: '192.0.2.8' } } as const;
    const [taken] = await allocate(ledger, 'vultr', [{ ...outside, requester: 't', actor: 't' }], { leaseSeconds: 60 });
    const device = taken?.outcome === 'allocated' ? taken.mac : '';
    const lines = (text: string) => text.trimEnd().split('\n').slice(1);
    expect(lines(await out(ada, 'export', '-A', '-f', 'dnsmasq'))).toEqual([
      `${claim},192.0.2.7,exported`,
      `${device},192.0.2.8`,
    ]);
    expect(lines(await out(ada, 'export', '-f', 'ethers'))).toEqual([`${claim} exported`]);
    expect(lines(await out(ada, 'export', '-l', 'app=other', '-f', 'ethers'))).toEqual([]);
    const limited = await shell.rockMac(dev, 'export', '-f', 'ethers');
    expect(lines(limited.stdout)).toEqual([`${claim} exported`]);
    expect(limited.stderr).toMatch(/^Note: without the ledger's read API \(.*\) only MacAllocations are exported\.\n$/);

    const following = ([ada, dev] as const).map((user) => {
      const file = path.join(folder, user === ada ? 'ada' : 'dev');
      return { file, ...shell.start(user, 'export', '-f', 'ethers', '--to', file, '--follow') };
    });
    const until = (count: number) =>
      eventually(
        async () => {
          for (const { file } of following) expect(lines(await readFile(file, 'utf8'))).toHaveLength(count);
        },
        { within: 30_000 },
      );
    await until(1);
    await out(dev, 'allocate', '-d', 'exported', '--hostname', 'second');
    await until(2);
    await out(dev, 'release', 'exported');
    await until(0);
    for (const { child, ended } of following) {
      child.kill('SIGTERM');
      expect((await ended).code).toBe(0);
    }
  });

  test('a wrong IP address or host name is refused before and by the API server', async () => {
    const before = await refused(dev, 'allocate', '-d', 'wrong', '--ip', '192.0.2.700');
    expect(before.stderr).toMatch(/The ip "192\.0\.2\.700" is not valid/);
    const input = aClaim('wrong', { pool: 'development', attributes: { hostname: 'a b' } });
    const created = installed().plane.kubectl(['create', '-f', '-'], { input });
    await expect(created).rejects.toThrow(/attribute hostname has letters, digits and dashes/);
  });

  test('pool list needs no permissions', async () => {
    expect(await out(eve, 'pool', 'list', '-o', 'name')).toContain('development\n');
    expect(await out(eve, 'pool', 'list')).toMatch(
      /development +a4:58:0f:01:00:00 +a4:58:0f:01:ff:ff +7d +1d +sequential +no/,
    );
  });
});

describe('pool', () => {
  const patient = (...args: readonly string[]) => out(admin, 'pool', ...args, '--timeout', '60s');

  test('is added, grown, paused and deleted through its MacPool, and the ledger has it when the command ends', async () => {
    const { ledger } = installed();
    const inLedger = async () => (await listPools(ledger)).find(({ name }) => name === 'lab');
    await patient('add', 'lab', '--first', 'a4:58:0f:20:00:00', '--size', '4', '--auto-release', '1d');
    expect(await inLedger()).toMatchObject({ last: 'a4:58:0f:20:00:03', autoReleaseSeconds: 86_400 });
    await patient('grow', 'lab', '--last', 'a4:58:0f:20:00:0f');
    expect(await inLedger()).toMatchObject({ last: 'a4:58:0f:20:00:0f' });
    expect(await inLedger()).toMatchObject({ strategy: 'sequential' });
    await patient('strategy', 'lab', 'random');
    expect(await inLedger()).toMatchObject({ strategy: 'random' });
    expect(await out(admin, 'pool', 'describe', 'lab')).toMatch(/^Strategy: +random$/m);
    await patient('pause', 'lab');
    expect(await inLedger()).toMatchObject({ paused: true });
    expect(await out(admin, 'pool', 'describe', 'lab')).toMatch(/^Paused: +yes/m);
    await patient('resume', 'lab');
    await patient('delete', 'lab');
    expect(await inLedger()).toBeUndefined();
  });

  test('is refused as the ledger refuses it', async () => {
    const args = ['pool', 'add', 'clash', '--first', 'a4:58:0f:01:00:00', '--size', '4', '--timeout', '60s'];
    expect((await refused(admin, ...args)).stderr).toMatch(/the ledger refuses it \(RangeOverlaps\)/);
    await patient('delete', 'clash');
    expect(await refused(admin, 'pool', 'pause', 'developmnt')).toMatchObject({ code: 1 });
  });

  test('is changed only by those who may change MacPools', async () => {
    const { code, stderr } = await refused(dev, 'pool', 'pause', 'development');
    expect(code).toBe(6);
    expect(stderr).toMatch(/Pools belong to the whole cluster/);
  });
});

test('prefix list reads the ledger', async () => {
  expect(await out(admin, 'prefix', 'list')).toMatch(/^Prefix +Kind +Note\na4:58:0f +ieee/);
  expect(await out(admin, 'prefix', 'list', '-o', 'name')).toBe('a4:58:0f\n');
  const { code, stderr } = await shell.rockMac(eve, 'prefix', 'list');
  expect({ code, stderr }).toEqual({
    code: 6,
    stderr: expect.stringMatching(/^Error: The list of prefixes needs /) as string,
  });
});

/* The operator and the webhook of this installation are processes, not pods. */
describe('doctor', () => {
  const examine = async (kubeconfig: string) => {
    const { code, stdout, stderr } = await shell.rockMac(kubeconfig, 'doctor');
    const lines = stdout.split('\n').filter((line) => /^(ok|warning|error) /.test(line));
    return { code, stderr, stdout, lines: lines.map((line) => line.split(/ +/).slice(0, 2).join(' ')) };
  };

  test('finds nothing wrong with an installation, and says what it examined', async () => {
    const { code, stderr, stdout, lines } = await examine(admin);
    expect({ code, stderr, wrong: stdout.match(/^error.*$/gm) }).toEqual({ code: 0, stderr: '', wrong: null });
    expect(lines).toContain('warning components');
    const subjects = ['cluster', 'webhook', 'certificate', 'policies', 'state', 'durability', 'clusters'];
    for (const subject of subjects) expect(lines).toContain(`ok ${subject}`);
  });

  test('warns a user about what that user may not see', async () => {
    const { code, lines } = await examine(dev);
    expect(code).toBe(0);
    expect(lines).toEqual(
      expect.arrayContaining(['ok webhook', 'warning certificate', 'warning policies', 'warning read-api']),
    );
    expect((await examine(eve)).lines).toContain('warning webhook');
  });

  test('ends with exit code 1 where no cluster answers', async () => {
    const ended = await shell.bash(
      admin,
      'kubectl config view --raw | sed "s#server: .*#server: https://127.0.0.1:1#" > away; KUBECONFIG=away kubectl rock-mac doctor',
    );
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringMatching(/^error +cluster +/) as string });
  });
});

describe('completion by kubectl', () => {
  let address = '';
  beforeAll(async () => {
    address = (await out(dev, 'allocate', '-d', 'completed-vm', '-o', 'name')).trim();
  });
  afterAll(async () => {
    await out(dev, 'release', 'completed-vm');
  });

  /** Returns the candidates without their descriptions, then the directive. */
  const completed = async (kubeconfig: string, ...words: readonly string[]) => {
    const line = ['__complete', 'rock-mac', ...words].map((word) => `'${word}'`).join(' ');
    const { stdout } = await shell.bash(kubeconfig, `kubectl ${line}`);
    return stdout
      .trimEnd()
      .split('\n')
      .map((each) => each.split('\t')[0]);
  };

  test('completes commands, pools, and the addresses and devices of the namespace', async () => {
    expect(await completed(dev, 'alloc')).toEqual(['allocate', ':4']);
    expect(await completed(dev, 'allocate', '--pool', 'dev')).toEqual(['development', ':4']);
    expect(await completed(dev, 'list', '-p', '')).toEqual(
      expect.arrayContaining(['production', 'docker', 'kubernetes']),
    );
    expect(await completed(dev, 'release', 'completed')).toEqual(['completed-vm', ':4']);
    expect(await completed(dev, 'show', address.slice(0, 12))).toContain(address);
    expect(await completed(admin, 'release', '-n', 'kube-system', 'completed')).toEqual([':4']);
    expect(await completed(admin, 'release', '-n', 'kube-system', '-A', 'completed')).toEqual(['completed-vm', ':4']);
    expect(await completed(admin, '--as', 'dev', '--as-group', 'g', 'renew', 'completed')).toContain('completed-vm');
  });

  test('prints nothing for a user without permissions or without a cluster', async () => {
    expect(await completed(eve, 'release', '')).toEqual([':4']);
    const started = Date.now();
    expect(await completed('/nonexistent', 'allocate', '-p', '')).toEqual([':4']);
    expect(Date.now() - started).toBeLessThan(5_000);
  });
});

describe('errors name the cause and the next step, and have their exit codes', () => {
  test('for a pool that the user may not use', async () => {
    const { code, stderr } = await refused(dev, 'allocate', '-p', 'docker');
    expect(stderr).toMatch(/User "dev" may not use MacPool "docker" in namespace "default".*kubectl get macpools/);
    expect(code).toBe(6);
  });

  test('for a namespace without permissions, and for a user without any', async () => {
    for (const ended of [
      await refused(dev, 'allocate', '-n', 'kube-system'),
      await refused(eve, 'allocate'),
      await refused(admin, 'allocate', '--as', 'eve', '--as-group', 'one', '--as-group', 'two'),
    ]) {
      expect(ended.stderr).toMatch(/cannot create resource "macallocations".*Ask for the role/s);
      expect(ended.code).toBe(6);
    }
  });

  test.each([
    [['allocate', '-p', 'developmnet'], 1, /There is no pool "developmnet"\. Did you mean development\?/],
    [['allocate', '-p', 'a/b'], 1, /There is no pool "a\/b"/],
    [['allocate', '-m', '{'], 1, /is not a JSON object/],
    [['reserve', '-m', '01:00:5e:00:00:01'], 1, /not the address of a device \(multicast\)/],
    [['release', 'a4:58'], 1, /not the address of a device \(malformed\)/],
    [['renew', 'nobody'], 3, /Nobody holds nobody/],
    [['allocate', '-n', 'nowhere'], 1, /amespaces "nowhere" not found.*Name another one with -n, or create it/],
    [['allocate', '--timeout', 'soon'], 2, /"soon" is no time for --timeout/],
    [
      ['list', '--context', 'nowhere'],
      7,
      /nowhere.*Name another one with --kubeconfig or KUBECONFIG, or another --context/s,
    ],
    [['list', '--kubeconfig', '/nonexistent'], 7, /kubeconfig \/nonexistent cannot be read \(there is no such file\)/],
  ])('for %j', async (args, code, message) => {
    const ended = await refused(admin, ...args);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
  });

  test('for an exhausted pool, and for an address that another claim holds', async () => {
    const { plane } = installed();
    const pool = {
      apiVersion: 'mac.rock-os.io/v1alpha1',
      kind: 'MacPool',
      metadata: { name: 'tiny' },
      spec: { first: 'a4:58:0f:20:00:00', last: 'a4:58:0f:20:00:00' },
    };
    await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pool) });
    await plane.kubectl(['wait', '--for=condition=Ready', 'macpool/tiny', '--timeout=30s']);
    expect(await out(admin, 'allocate', '-p', 'tiny', '-d', 'one')).toBe('Allocated MAC: a4:58:0f:20:00:00\n');
    const exhausted = await refused(admin, 'allocate', '-p', 'tiny');
    expect(exhausted.stderr).toMatch(/was deleted again\.\nError: .*PoolExhausted.*no free address/s);
    expect(exhausted.code).toBe(5);
    expect(await refused(admin, 'reserve', '-m', 'a4:58:0f:20:00:00')).toMatchObject({ code: 4 });
    expect(await out(admin, 'release', 'one')).toBe('Released 1 MAC address(es)\n');
    await untilNoAllocations(plane);
  });

  test('for a new period of a claim', async () => {
    await out(dev, 'allocate', '-d', 'periodic');
    const { code, stderr } = await refused(dev, 'renew', 'periodic', '--for', '48h');
    expect(stderr).toMatch(
      /cannot be changed in a cluster.*Leave --for out.*or allocate a new one with --expires-after/,
    );
    expect(code).toBe(1);
    await out(dev, 'release', 'periodic');
  });

  test('for a cluster that does not respond within the request timeout', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const kubeconfig = JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'silent' },
      clusters: [{ name: 'silent', cluster: { server: `http://127.0.0.1:${String(port)}` } }],
      contexts: [{ name: 'silent', context: { cluster: 'silent', user: 'me' } }],
      users: [{ name: 'me', user: {} }],
    });
    await shell.bash(admin, `cat > silent.json <<'END'\n${kubeconfig}\nEND`);
    const started = Date.now();
    const { code, stderr } = await refused(admin, 'allocate', '--kubeconfig', 'silent.json', '--request-timeout', '1s');
    expect(stderr).toMatch(/The cluster cannot be reached.*Check --kubeconfig and --context/);
    expect(code).toBe(7);
    expect(Date.now() - started).toBeLessThan(15_000);
    silent.close();
  });

  test('for missing CRDs', async () => {
    const { plane } = installed();
    const serve = (served: boolean) =>
      plane.kubectl([
        ...['patch', 'crd', 'macallocations.mac.rock-os.io', '--type=json', '-p'],
        JSON.stringify([{ op: 'replace', path: '/spec/versions/0/served', value: served }]),
      ]);
    await serve(false);
    try {
      await eventually(async () => {
        const { code, stderr } = await shell.rockMac(admin, 'allocate', '--timeout', '1s');
        expect(stderr).toMatch(/rock-mac is not installed in it\. Install it, or name another --context/);
        expect(code).toBe(7);
      });
    } finally {
      await serve(true);
    }
    await eventually(() => plane.kubectl(['get', 'macallocations']));
  });

  test('for a webhook that is down', async () => {
    const { installation, plane } = installed();
    await installation.webhooks[0]?.stop();
    const { code, stderr } = await refused(dev, 'allocate');
    expect(stderr).toMatch(/Nothing was changed, because the webhook of rock-mac did not respond.*Check its pods/s);
    expect(code).toBe(7);
    await installation.startWebhook();
    await untilNoAllocations(plane);
  });
});

test('a hanging operator delays a list only by the request timeout', async () => {
  const [operator] = installed().installation.operators;
  operator?.signal('SIGSTOP');
  try {
    const listed = await shell.rockMac(ada, 'list', '-A', '--request-timeout', '2s');
    expect(listed).toMatchObject({ code: 0, stdout: 'No allocations found\n' });
    expect(listed.stderr).toMatch(/^Note: without the ledger's read API \(.*no response in time\) only MacAllocations/);
  } finally {
    operator?.signal('SIGCONT');
  }
});

describe('while no operator runs', () => {
  beforeAll(async () => {
    await installed().installation.operators[0]?.stop();
  });
  afterAll(async () => {
    await installed().installation.startOperator();
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s during the wait deletes the claim and says so', async (signal) => {
    const { plane } = installed();
    const { child, ended } = shell.start(dev, 'allocate', '-d', 'patient');
    await eventually(
      async () => {
        expect(await plane.kubectl(['get', 'macallocations', '-o', 'name'])).toContain('patient');
      },
      { within: 30_000 },
    );
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/patient-\w+ was deleted again\.\nError: Interrupted: .* No address is held\./s);
    expect(await plane.kubectl(['get', 'macallocations', '-o', 'name'])).toBe('');
  });

  test('an interrupted release says that it continues', async () => {
    const { plane, installation } = installed();
    const name = 'going';
    const metadata = { name, finalizers: ['mac.rock-os.io/release'] };
    const spec = { pool: 'development', device: { id: name } };
    const claim = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacAllocation', metadata, spec };
    await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(claim) });
    const { child, ended } = shell.start(dev, 'release', name);
    await eventually(
      async () => {
        const path = 'jsonpath={.metadata.deletionTimestamp}';
        expect(await plane.kubectl(['get', 'macallocation', name, '-o', path])).not.toBe('');
      },
      { within: 30_000 },
    );
    child.kill('SIGINT');
    expect((await ended).stderr).toMatch(
      /^Error: MacAllocation default\/going is being deleted, but .* not released yet/,
    );
    const operator = await installation.startOperator();
    await untilNoAllocations(plane);
    await operator.stop();
  });

  test('an allocation that times out deletes the claim', async () => {
    const { code, stderr } = await refused(dev, 'allocate', '--timeout', '1s');
    expect(stderr).toMatch(
      /was deleted again\.\nError: .* got no address within 1 s \(the operator has not seen it yet\)/s,
    );
    expect(code).toBe(7);
    expect(await installed().plane.kubectl(['get', 'macallocations', '-o', 'name'])).toBe('');
  });

  test('list --watch falls back to the objects and says so', async () => {
    const { child, ended, stdout, stderr } = shell.start(ada, 'list', '--watch', '-A');
    await eventually(
      () => {
        expect(stderr()).toMatch(/^Note: without the ledger's read API \(.*\) only MacAllocations of all namespaces/);
      },
      { within: 30_000 },
    );
    child.kill('SIGTERM');
    expect(stdout()).toBe('');
    await ended;
  });

  test('export fails for an auditor, because a file without the devices of the ledger would be wrong', async () => {
    const { code, stdout, stderr } = await shell.rockMac(ada, 'export', '-A', '-f', 'hosts');
    expect(stderr).toMatch(/^Error: The export needs the ledger's read API/);
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
    expect(stderr).toMatch(/The export needs the ledger's read API, which cannot be used .*kubectl get apiservice/s);
  });

  test('list falls back to the objects for an auditor too, and audit explains what to check', async () => {
    const listed = await shell.rockMac(ada, 'list');
    expect(listed).toMatchObject({ code: 0, stdout: 'No allocations found\n' });
    expect(listed.stderr).toMatch(NOTE);
    const audit = await refused(ada, 'audit');
    expect(audit.stderr).toMatch(/cannot be used .*kubectl get apiservice/s);
    expect(audit.code).toBe(7);
  });
});

test('report has the pods and the Events of rock-mac, and neither secrets nor the names of tenants', async () => {
  const { plane } = installed();
  const SECRET = 'S3cr3t-planted';
  const labels = { 'app.kubernetes.io/part-of': 'rock-mac' };
  const env = [
    { name: 'PGPASSWORD', value: SECRET },
    { name: 'ROCK_MAC_LEDGER_URL', value: `postgresql://x:${SECRET}@db/x` },
    { name: 'ROCK_MAC_LOG_LEVEL', value: 'warn' },
  ];
  const spec = { containers: [{ name: 'operator', image: 'rock-mac.invalid/none', env }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'rock-mac-planted', labels }, spec };
  await plane.kubectl(['create', 'namespace', 'planted-tenant']);
  await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
  const claim = aClaim('planted-claim', { pool: 'development', device: { id: 'planted-device' } });
  await plane.kubectl(['-n', 'planted-tenant', 'create', '-f', '-'], { input: claim });
  await eventually(async () => {
    expect(await plane.kubectl(['-n', 'planted-tenant', 'get', 'events', '-o', 'name'])).not.toBe('');
  });
  const file = path.join(tmpdir(), `rock-mac-report-test-${String(process.pid)}.zip`);
  const printed = await out(admin, 'report', '--to', file, '--tail', '50');
  const entries = Object.entries(unzipSync(await readFile(file)));
  await rm(file);
  for (const [name] of entries) expect(printed).toContain(name.replace('rock-mac-report/', ''));
  const text = entries.map(([, bytes]) => strFromU8(bytes)).join('\n');
  for (const hidden of [SECRET, 'planted-tenant', 'planted-claim', 'planted-device'])
    expect(text).not.toContain(hidden);
  expect(text).toContain('"ROCK_MAC_LOG_LEVEL"');
  expect(text).toContain('"reason": "Allocated"');
  expect(text).toContain('"subject": "policies"');
  await plane.kubectl(['delete', 'pod', 'rock-mac-planted', '--grace-period=0', '--force']);
  await plane.kubectl(['delete', 'namespace', 'planted-tenant', '--wait=false']);
});
