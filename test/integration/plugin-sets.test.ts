import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { mac as parseMac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { addressesOf, aPod, installedEnvOfThisFile, untilNoAllocations } from './installed-env.ts';
import { openPluginShell, type PluginShell } from './plugin-shell.ts';

/* Sets of claims by `kubectl rock-mac`. */

const installed = installedEnvOfThisFile();
let shell: PluginShell;

beforeAll(async () => {
  shell = await openPluginShell(installed().plane.binaries.kubectl);
});

afterAll(() => shell.close());

beforeEach(async () => {
  const { plane } = installed();
  await plane.kubectl(['delete', 'macallocations', '--all', '--wait=false']);
  await untilNoAllocations(plane);
});

const run = (...args: readonly string[]) => shell.rockMac(installed().plane.kubeconfig, ...args);

async function out(...args: readonly string[]): Promise<string> {
  const ended = await run(...args);
  expect({ args, code: ended.code, stderr: ended.stderr }).toEqual({ args, code: 0, stderr: '' });
  return ended.stdout;
}

const claimsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), uid: z.string(), labels: z.record(z.string(), z.string()).optional() }),
      spec: z.object({ pool: z.string(), expiresAfter: z.string().optional() }),
      status: z.object({ mac: z.string() }).optional(),
    }),
  ),
});

async function claims() {
  const text = await installed().plane.kubectl(['get', 'macallocations', '-o', 'json']);
  return claimsSchema.parse(JSON.parse(text)).items;
}

const licensed = ['allocate', '-p', 'production', '--label', 'app=licensed', '--name-prefix', 'lic'];

describe('allocate --count', () => {
  test('creates claims with these names and labels, which do not expire, and prints their addresses', async () => {
    const printed = (await out(...licensed, '--count', '20', '-l', 'tier=gold,site=', '-o', 'name')).trim().split('\n');
    const found = await claims();
    const names = Array.from({ length: 20 }, (_, index) => `lic-${String(index + 1)}`);
    expect(found.map(({ metadata }) => metadata.name).sort()).toEqual(names.toSorted());
    const macOf = new Map(found.map(({ metadata, status }) => [metadata.name, status?.mac]));
    expect(printed).toEqual(names.map((name) => macOf.get(name)));
    for (const { metadata, spec } of found) {
      expect(metadata.labels).toEqual({ app: 'licensed', tier: 'gold', site: '' });
      expect(spec).toEqual({ pool: 'production' });
    }
  });

  test('does nothing the second time, and creates what is missing', async () => {
    const first = await out(...licensed, '--count', '3', '-o', 'name');
    const before = await claims();
    expect(await out(...licensed, '--count', '3', '-o', 'name')).toBe(first);
    expect(await claims()).toEqual(before);
    await installed().plane.kubectl(['delete', 'macallocation', 'lic-2']);
    const [one, two, three, four] = (await out(...licensed, '--count', '4', '-o', 'name')).trim().split('\n');
    expect([one, three]).toEqual([first.split('\n')[0], first.split('\n')[2]]);
    expect(new Set([one, two, three, four]).size).toBe(4);
  });

  test('prints a table for people, and a list for programs', async () => {
    const table = await out(...licensed, '--count', '2');
    expect(table).toMatch(
      /^MAC Address.*\n-{80}\n(a4:58:0f:00:\S+ +production +default\/lic-\d +active .*\n){2}\nTotal: 2/,
    );
    for (const [format, pattern] of [
      ['json', /"kind": "AddressList",\n {2}"items": \[\n/],
      ['yaml', /^kind: AddressList\nitems:\n/m],
    ] as const) {
      expect(await out(...licensed, '--count', '2', '-o', format)).toMatch(pattern);
    }
  });

  test('goes on after a claim that it may not have, and says which', async () => {
    const { plane } = installed();
    const other = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacAllocation', metadata: { name: 'lic-2' } };
    await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify({ ...other, spec: { pool: 'production' } }) });
    const { code, stdout, stderr } = await run(...licensed, '--count', '3', '-o', 'name');
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /^2 of 3 have an address, 1 were refused\. Repeat.*\nError: MacAllocation lic-2 already exists/s,
    );
    await plane.kubectl(['label', 'macallocation', 'lic-2', 'app=licensed']);
    expect((await out(...licensed, '--count', '3', '-o', 'name')).trim().split('\n')).toHaveLength(3);
  });

  test('deletes the claims that got no address, keeps the others, and ends at what concerns all', async () => {
    const { plane } = installed();
    const pool = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'small' } };
    const spec = { first: 'a4:58:0f:20:00:00', last: 'a4:58:0f:20:00:02', reuseDelay: '1h' };
    await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify({ ...pool, spec }) });
    await plane.kubectl(['wait', '--for=condition=Ready', 'macpool/small', '--timeout=30s']);
    const { code, stdout, stderr } = await run(
      'allocate',
      '-p',
      'small',
      '--count',
      '5',
      '--name-prefix',
      'few',
      '-o',
      'name',
    );
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(code).toBe(5);
    expect(stderr).toMatch(/3 of 5 have an address, 2 were refused.*PoolExhausted/s);
    expect(await claims()).toHaveLength(3);

    const eve = await plane.userKubeconfig('eve');
    const forbidden = await shell.rockMac(eve, ...licensed, '--count', '30');
    expect(forbidden).toMatchObject({ code: 6, stdout: '' });
    expect(forbidden.stderr).toMatch(/0 of 30 have an address, \d+ were refused, and \d+ were not tried/);
  });

  test('may be given a request key instead of names, and then has the same claims each time', async () => {
    const command = ['allocate', '-p', 'production', '--count', '2', '--request-key', 'pair', '-o', 'name'];
    expect(await out(...command)).toBe(await out(...command));
    expect((await claims()).map(({ metadata }) => metadata.name)).toEqual([
      expect.stringMatching(/^key-[0-9a-f]{24}-1$/),
      expect.stringMatching(/^key-[0-9a-f]{24}-2$/),
    ]);
  });

  test('creates nothing in a dry run', async () => {
    expect(await run(...licensed, '--count', '3', '--dry-run')).toMatchObject({ code: 0, stdout: '' });
    expect(await claims()).toEqual([]);
  });

  test.each([
    [['--count', '3'], /need names.*--name-prefix/s],
    [['--name-prefix', 'lic'], /Add --count/],
    [['--count', '3', '--name-prefix', 'Lic'], /lower-case/],
    [['--count', '3', '--name-prefix', 'lic', '--request-key', 'k'], /cannot be used with/],
    [['--label', 'app'], /such as app=licensed/],
  ])('%j is a wrong command line', async (args, message) => {
    const ended = await run('allocate', ...args);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
  });
});

test('allocate --label labels a single claim, and its output is that of always', async () => {
  expect(await out('allocate', '-l', 'app=web')).toMatch(/^Allocated MAC: a4:58:0f:01:\S+\n$/);
  const [claim] = await claims();
  expect(claim?.metadata.labels).toEqual({ app: 'web' });
  expect(claim?.spec.expiresAfter).toBeDefined();
});

describe('release of a sticky address', () => {
  const annotations = { 'mac.rock-os.io/sticky': 'true' };
  const aStickyPod = async (name: string): Promise<string> => {
    const { plane } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: aPod(name, { networks: 'blue', annotations }) });
    const [{ mac } = { mac: '' }] = await addressesOf(plane, name);
    await eventually(
      async () => {
        expect(await plane.kubectl(['get', 'ma', '-l', 'mac.rock-os.io/sticky', '-o', 'name'])).toContain(name);
      },
      { within: 20_000, every: 100 },
    );
    return mac;
  };
  const deletePod = (name: string) => installed().plane.kubectl(['delete', 'pod', name, '--force', '--grace-period=0']);

  test('that a pod uses says that it stays with the pod, and goes when that ends', async () => {
    const mac = await aStickyPod('used-0');
    expect(await out('release', mac, '--dry-run')).toBe(
      `${mac} would not be sticky any more. If pod default/used-0 uses it, it stays with that until it ends, and else it is released.\n`,
    );
    expect(await out('release', mac)).toBe(
      `${mac} is not sticky any more. It stays with pod default/used-0, which uses it, and is released when that ends.\n`,
    );
    expect(await findByMac(installed().ledger, parseMac(mac))).toMatchObject({
      state: 'active',
      owner: { name: 'used-0', uid: expect.any(String) as string },
    });
    await deletePod('used-0');
  });

  test('that no pod uses says that it is released', async () => {
    const mac = await aStickyPod('unused-0');
    await deletePod('unused-0');
    expect(await out('release', mac)).toBe('Released 1 MAC address(es)\n');
    expect((await findByMac(installed().ledger, parseMac(mac)))?.state).toBe('released');
  });
});
