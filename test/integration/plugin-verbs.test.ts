import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AuditEntry, listAudit } from '../../ledger/audit.ts';
import { mac } from '../../mac/mac-address.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile, untilReason } from './installed-env.ts';
import { openPluginShell, type PluginShell, usersOf } from './plugin-shell.ts';

/* `kubectl rock-mac`: many claims at once, reasons, metadata and versions. dev is a user of the pool development, ada reads the ledger. */

const installed = installedEnvOfThisFile();

let shell: PluginShell;
let dev = '';
let ada = '';
let admin = '';

beforeAll(async () => {
  const { plane } = installed();
  shell = await openPluginShell(plane.binaries.kubectl);
  ({ dev, ada, admin } = await usersOf(plane, shell));
}, 180_000);

afterAll(async () => {
  await shell.close();
});

async function out(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  const ended = await shell.rockMac(kubeconfig, ...args);
  expect({ args, code: ended.code, stderr: ended.stderr }).toEqual({ args, code: 0, stderr: '' });
  return ended.stdout;
}

const newest = async (filter: Parameters<typeof listAudit>[1]): Promise<AuditEntry | undefined> =>
  (await listAudit(installed().ledger, { ...filter, limit: 1 }))[0];

describe('a reason', () => {
  test('of a claim, of its renewal and of its release is in the audit, with who asked', async () => {
    const address = mac((await out(dev, 'allocate', '-d', 'box', '--reason', 'ticket 4711', '-o', 'name')).trim());
    expect(await newest({ mac: address })).toMatchObject({ action: 'allocate', user: 'dev', reason: 'ticket 4711' });
    await out(dev, 'renew', 'box', '--reason', 'it takes longer');
    expect(await newest({ mac: address })).toMatchObject({ action: 'renew', reason: 'it takes longer' });
    await out(dev, 'renew', 'box');
    expect(await listAudit(installed().ledger, { mac: address, action: 'renew' })).toHaveLength(1);
    expect(await out(dev, 'release', 'box', '--reason', 'rack 7 is gone')).toBe('Released 1 MAC address(es)\n');
    expect(await newest({ mac: address })).toMatchObject({
      action: 'release',
      reason: 'rack 7 is gone, requested by dev',
    });
  });

  test('of a request is none of the deletion', async () => {
    const { plane } = installed();
    const address = mac((await out(dev, 'allocate', '-d', 'other', '--reason', 'ticket 1', '-o', 'name')).trim());
    await plane.kubectl(['delete', 'macallocation', '--all']);
    expect(await newest({ mac: address })).toMatchObject({
      action: 'release',
      reason: expect.stringMatching(/^claim deleted/) as string,
    });
  });

  test('of a change of a pool is in the audit', async () => {
    const patient = (...args: readonly string[]) => out(admin, 'pool', ...args, '--timeout', '60s');
    await patient('add', 'lab', '--first', 'a4:58:0f:20:00:00', '--size', '4', '--reason', 'more racks');
    expect(await newest({ pool: 'lab' })).toMatchObject({ action: 'pool-add', reason: 'more racks', mac: undefined });
    await patient('pause', 'lab', '--reason', 'being moved');
    expect(await newest({ pool: 'lab' })).toMatchObject({ action: 'pool-pause', reason: 'being moved' });
    await patient('resume', 'lab');
    expect(await newest({ pool: 'lab' })).toMatchObject({ action: 'pool-resume', reason: '' });
    await patient('delete', 'lab', '--reason', 'moved');
    expect(await newest({ pool: 'lab' })).toMatchObject({ action: 'pool-remove', reason: 'moved' });
    expect(await out(ada, 'audit', '-p', 'lab', '-o', 'wide')).toMatch(/pool-pause .*being moved/);
  });

  test.each([['two\nlines'], ['ä'.repeat(513)]])(
    'that the audit cannot keep is refused as an annotation',
    async (text) => {
      const { plane } = installed();
      const claim = {
        ...(JSON.parse(aClaim('odd', { pool: 'development' })) as object),
        metadata: { name: 'odd', annotations: { 'mac.rock-os.io/reason': text } },
      };
      await expect(plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(claim) })).rejects.toThrow(
        /The annotation mac.rock-os.io\/reason is one line of at most 1024 bytes/,
      );
    },
  );
});

describe('release --all', () => {
  test('releases the claims of the namespace that fit, and leaves those that something uses', async () => {
    const { plane } = installed();
    for (const [name, rack] of [
      ['a', 'a7'],
      ['b', 'a7'],
      ['c', 'a8'],
    ] as const) {
      await out(dev, 'allocate', '-d', name, '-m', JSON.stringify({ rack }));
    }
    await plane.kubectl(['create', '-f', '-'], {
      input: aClaim('used', { pool: 'development', attributes: { rack: 'a7' } }),
    });
    await untilReason(plane, 'used', 'Allocated');
    await plane.kubectl(['create', '-f', '-'], {
      input: aPod('user', { annotations: { 'mac.rock-os.io/allocation': 'used' } }),
    });
    await eventually(async () => {
      expect(await plane.kubectl(['get', 'macallocation', 'used', '-o', 'jsonpath={.status.consumer.name}'])).toBe(
        'user',
      );
    });
    const refused = await shell.rockMac(dev, 'release', '--all', '-m', 'rack=a7');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/There is no terminal/) as string });
    const dry = await shell.rockMac(dev, 'release', '--all', '-m', 'rack=a7', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: 'Would release 2 MAC address(es)\n' });
    const { code, stdout, stderr } = await shell.rockMac(dev, 'release', '--all', '-m', 'rack=a7', '--yes');
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: 'Released 2 MAC address(es)\n' });
    expect(stderr).toMatch(/^2 address\(es\) fit:\n {2}development: 2 \(MacAllocation, active\)\n/);
    expect(stderr).toContain('1 address(es) that pods, virtual machines or claims in use hold are left out.');
    const left = z.object({
      items: z.array(z.object({ spec: z.object({ device: z.object({ id: z.string() }).optional() }) })),
    });
    const { items } = left.parse(JSON.parse(await plane.kubectl(['get', 'macallocations', '-o', 'json'])));
    expect(items.map(({ spec }) => spec.device?.id)).toEqual(['c', undefined]);
  });
});

test('list chooses by metadata, with the ledger and without it', async () => {
  const address = await out(dev, 'allocate', '-d', 'leaf', '-m', '{"row": "9", "tags": "x"}', '-o', 'name');
  expect(await out(ada, 'list', '-m', 'row=9', '-m', 'tags', '-o', 'name')).toBe(address);
  const objects = await shell.rockMac(dev, 'list', '-m', 'row=9', '-o', 'name');
  expect(objects).toMatchObject({
    code: 0,
    stdout: address,
    stderr: expect.stringMatching(/^Note: without/) as string,
  });
  expect((await shell.rockMac(dev, 'list', '-m', 'row=8', '-o', 'name')).stdout).toBe('');
});

test('set says why a claim keeps its metadata, and what to do', async () => {
  expect(await shell.rockMac(dev, 'set', 'leaf', 'row=8')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/cannot be changed, so nothing was set\. Create a new claim/) as string,
  });
});

describe('version', () => {
  const { version } = packageJson;

  test('shows the versions of the installation to an auditor', async () => {
    const { code, stdout, stderr } = await shell.rockMac(ada, 'version');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Note: You may not list the pods of rock-mac.\n' });
    expect(stdout).toMatch(
      new RegExp(
        `^Client: +${version} \\(schema \\d+\\)\nOperator: +${version}\nLedger: +schema \\d+, Postgres [\\d.]+\nKubernetes: v1\\.`,
      ),
    );
    const json = await shell.rockMac(admin, 'version', '-o', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({ kind: 'Versions', client: { version }, operator: [version] });
  });

  test('answers within seconds without a cluster, and asks nobody with --client', async () => {
    const started = Date.now();
    const away = await shell.bash(
      admin,
      'kubectl config view --raw | sed "s#server: .*#server: https://127.0.0.1:1#" > away; KUBECONFIG=away kubectl rock-mac version',
    );
    expect(away).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Note: The cluster cannot be reached/) as string,
    });
    expect(away.stdout).toMatch(/^Client: .*\n$/);
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(await out(admin, 'version', '--client', '-o', 'name')).toBe(`${version}\n`);
  });
});
