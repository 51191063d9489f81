import { writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { SYSTEM_NAMESPACE } from '../../api/names.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { readExports } from '../../operator/export/exports.ts';
import { exportRules } from '../../operator/rbac.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, installedEnvOfThisFile, untilReason } from './installed-env.ts';

/* The leading operator shows the reservations of the ledger in ConfigMaps, with the rights that the chart gives it for them. */

const folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-exports-'));
const file = path.join(folder, 'exports.json');
const EXPORTS = [
  { configMap: 'dhcp', format: 'dnsmasq', key: 'hosts' },
  { configMap: 'vultr', format: 'json', pools: ['vultr'], type: 'host' },
];
writeFileSync(file, JSON.stringify(EXPORTS));
const installed = installedEnvOfThisFile({ env: { ROCK_MAC_EXPORTS_FILE: file } });
afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeAll(async () => {
  const { plane } = installed();
  const metadata = { name: 'rock-mac-exports', namespace: SYSTEM_NAMESPACE };
  const rules = exportRules.map((rule) => ({ ...rule, resourceNames: EXPORTS.map(({ configMap }) => configMap) }));
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name };
  const subjects = [{ kind: 'ServiceAccount', name: 'rock-mac-operator', namespace: SYSTEM_NAMESPACE }];
  for (const object of [
    { apiVersion, kind: 'Role', metadata, rules },
    { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects },
  ]) {
    await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  }
});

const configMap = z.object({ data: z.record(z.string(), z.string()) });
const inSystem = ['-n', SYSTEM_NAMESPACE] as const;

async function dataOf(name: string): Promise<Record<string, string>> {
  const text = await installed().plane.kubectl([...inSystem, 'get', 'configmap', name, '-o', 'json']);
  return configMap.parse(JSON.parse(text)).data;
}

async function untilLines(lines: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      expect(((await dataOf('dhcp'))['hosts'] ?? '').split('\n').slice(1, -1)).toEqual(lines);
    },
    { within: 90_000, every: 250 },
  );
}

async function allocateForHost(id: string, metadata: Record<string, unknown>): Promise<string> {
  const request = {
    key: `device:${id}`,
    pool: 'vultr',
    state: 'active',
    device: { id, type: 'host' },
    metadata,
  } as const;
  const [outcome] = await allocate(installed().ledger, 'vultr', [{ ...request, requester: 't', actor: 't' }], {
    leaseSeconds: 60,
  });
  if (outcome?.outcome !== 'allocated') throw new Error(JSON.stringify(outcome));
  return outcome.mac;
}

describe('the ConfigMaps of operator.exports', () => {
  let host = '';

  test('have claims and devices, and follow a release', async () => {
    const { plane } = installed();
    await untilLines([]);
    const attributes = { ip: '192.0.2.7', hostname: 'Web' };
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('web', { pool: 'development', attributes }) });
    await untilReason(plane, 'web', 'Allocated');
    const mac = await plane.kubectl(['get', 'macallocation', 'web', '-o', 'jsonpath={.status.mac}']);
    host = await allocateForHost('host', { ip: '192.0.2.8' });
    await untilLines([`${mac},192.0.2.7,web`, `${host},192.0.2.8`]);
    expect(JSON.parse((await dataOf('vultr'))['reservations'] ?? '')).toMatchObject([
      { mac: host, ips: ['192.0.2.8'] },
    ]);
    await plane.kubectl(['delete', 'macallocation', 'web']);
    await untilLines([`${host},192.0.2.8`]);
  });

  test('keep what others wrote beside it, and get back what others removed', async () => {
    const { plane } = installed();
    const patch = JSON.stringify({ data: { hosts: 'nothing', other: 'kept' } });
    await plane.kubectl([...inSystem, 'patch', 'configmap', 'dhcp', '--type=merge', '-p', patch]);
    await untilLines([`${host},192.0.2.8`]);
    expect((await dataOf('dhcp'))['other']).toBe('kept');
    await plane.kubectl([...inSystem, 'delete', 'configmap', 'dhcp']);
    await untilLines([`${host},192.0.2.8`]);
  }, 240_000);

  test('stay as they are when they would be too large, and an Event says so', async () => {
    const { plane, ledger } = installed();
    const hostname = (index: number) => `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.h${String(index)}`;
    const requests = Array.from({ length: 5_000 }, (_, index) => ({
      ...{ key: `device:many-${String(index)}`, pool: 'vultr', state: 'active' as const },
      ...{ requester: 't', actor: 't', metadata: { hostname: hostname(index) } },
    }));
    for (let from = 0; from < requests.length; from += 500) {
      await allocate(ledger, 'vultr', requests.slice(from, from + 500), { leaseSeconds: 60 });
    }
    await eventually(
      async () => {
        const events = await plane.kubectl([...inSystem, 'get', 'events', '-o', 'jsonpath={.items[*].message}']);
        expect(events).toMatch(
          /The reservations have 1\d{6} bytes, and a ConfigMap at most 1000000\. It stays as it was/,
        );
      },
      { within: 60_000, every: 500 },
    );
    await untilLines([`${host},192.0.2.8`]);
  }, 120_000);
});

describe('the file of exports', () => {
  test.each([
    ['no JSON', '{', /cannot be used. Correct the file/],
    ['an unknown format', [{ configMap: 'a', format: 'xml' }], /format/],
    ['an unknown field', [{ configMap: 'a', format: 'csv', pool: 'x' }], /pool/],
    ['a ConfigMap of rock-mac itself', [{ configMap: 'rock-mac-pools', format: 'csv' }], /begins with rock-mac-/],
    ['a ConfigMap twice', [1, 2].map(() => ({ configMap: 'a', format: 'csv' })), /two exports have one ConfigMap/],
  ])('is refused with %s', async (_, content, message) => {
    const wrong = path.join(folder, 'wrong.json');
    writeFileSync(wrong, typeof content === 'string' ? content : JSON.stringify(content));
    await expect(readExports(wrong)).rejects.toThrow(message);
  });

  test('may be absent', async () => {
    expect(await readExports(undefined)).toEqual([]);
  });
});
