import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient } from '../../kube/client/client.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { randomFrom } from '../doubles/seeded-random.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile, untilReason } from '../integration/installed-env.ts';
import { createAttack, type Target } from './tenant-attacker.ts';

/*
 * A tenant with `edit` in one namespace attacks for a minute, or for ROCK_MAC_ATTACK_SECONDS. No address of another owner
 * changes hands, no process ends, and resyncs go on. Another ROCK_MAC_ATTACK_SEED is another attack.
 */
const SECONDS = Number(process.env['ROCK_MAC_ATTACK_SECONDS'] ?? 60);
const SEED = Number(process.env['ROCK_MAC_ATTACK_SEED'] ?? 1);
const WORKERS = 4;

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '3' } });

/** The addresses that the attacker may never own, in pools that editors may not use. */
const FORBIDDEN: readonly MacAddress[] = [mac('a4:58:0f:00:00:10'), mac('a4:58:0f:03:00:10'), mac('a4:58:0f:ff:00:10')];

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

const objects = z.object({
  items: z.array(z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) })),
});

const withFinalizers = z.object({
  items: z.array(
    z.object({
      kind: z.string(),
      metadata: z.object({ name: z.string(), finalizers: z.array(z.string()).optional() }),
    }),
  ),
});

/** Creates what the attacker is after, and returns it. */
async function makeVictim(): Promise<{ readonly target: Target; readonly owned: readonly MacAddress[] }> {
  await kubectl(['create', 'namespace', 'alice']);
  await kubectl(['label', 'namespace', 'alice', 'mac.rock-os.io/inject=enabled']);
  const names = ['web', 'db', 'cache'];
  const inAlice = ['create', '-n', 'alice', '-f', '-'];
  for (const name of names) await kubectl(inAlice, aPod(name, { networks: '[{"name":"net"}]' }));
  await kubectl(inAlice, aClaim('kept', { pool: 'production' }));
  await kubectl(inAlice, aClaim('held', { pool: 'kubernetes' }));
  const owned = async () => {
    const { ledger } = installed();
    const rows = await ledger.query({
      text: `select rock_mac.to_mac(addr)::text as mac from rock_mac.addresses
             where owner_namespace = 'alice' and state = 'active' order by addr`,
      values: [],
      row: z.object({ mac: z.string() }),
    });
    return rows.map((row) => mac(row.mac));
  };
  await eventually(
    async () => {
      expect(await owned()).toHaveLength(5);
    },
    { within: 30_000, every: 200 },
  );
  const found = objects.parse(JSON.parse(await kubectl(['get', 'pods,macallocations', '-n', 'alice', '-o', 'json'])));
  const macs = await owned();
  const target = {
    namespace: 'alice',
    macs: [...macs, ...FORBIDDEN, mac('a4:58:0f:05:00:40'), mac('a4:58:0f:01:00:01'), mac('a4:58:77:00:00:01')],
    names: found.items.map(({ metadata }) => metadata.name),
    uids: found.items.map(({ metadata }) => metadata.uid),
  };
  return { target, owned: macs };
}

async function readRows(macs: readonly MacAddress[]): Promise<readonly (AddressRow | undefined)[]> {
  return await Promise.all(macs.map((each) => findByMac(installed().ledger, each)));
}

function ownerOf(row: AddressRow | undefined) {
  return { state: row?.state, generation: row?.generation, key: row?.key, owner: row?.owner };
}

/** Removes the finalizers that the attacker wrote, which no controller ever removes. Those of rock-mac stay. */
async function removeForeignFinalizers(kinds: string): Promise<void> {
  const found = withFinalizers.parse(JSON.parse(await kubectl(['get', kinds, '-n', 'bob', '-o', 'json'])));
  for (const { kind, metadata } of found.items) {
    const finalizers = metadata.finalizers?.filter((each) => !each.startsWith('example.com/')) ?? [];
    const patch = JSON.stringify({ metadata: { finalizers } });
    // It may be gone by now.
    await kubectl(['patch', kind, metadata.name, '-n', 'bob', '--type=merge', '-p', patch]).catch(() => undefined);
  }
}

beforeAll(async () => {
  await installForeignCrds(
    (args, options) => installed().plane.kubectl(args, options),
    ['virtual-machines', 'virtual-machine-instances'],
  );
  await kubectl(['create', 'namespace', 'bob']);
  await kubectl(['create', 'rolebinding', 'bob', '-n', 'bob', '--clusterrole=edit', '--user=bob']);
  await kubectl([
    'create',
    'clusterrole',
    'machines',
    '--verb=*',
    '--resource=virtualmachines.kubevirt.io,virtualmachineinstances.kubevirt.io',
  ]);
  await kubectl(['create', 'rolebinding', 'bob-machines', '-n', 'bob', '--clusterrole=machines', '--user=bob']);
});

test(
  'a tenant who attacks at random takes nothing from others, ends no process and stops no resync',
  async () => {
    const { plane, ledger, installation } = installed();
    const { target, owned } = await makeVictim();
    const before = (await readRows(owned)).map(ownerOf);
    const lastResync = async () => (await listClusters(ledger))[0]?.lastResyncAt?.getTime() ?? 0;
    const resyncBefore = await lastResync();

    const client = createKubeClient({ userAgent: 'bob', kubeconfig: await plane.userKubeconfig('bob') });
    const attack = createAttack(client, 'bob', { target, random: randomFrom(SEED) });
    const ends = Date.now() + SECONDS * 1_000;
    await Promise.all(
      Array.from({ length: WORKERS }, async () => {
        while (Date.now() < ends) await attack.step();
      }),
    );
    await client.close();
    console.info(
      `seed ${String(SEED)}: ${String(attack.counts.accepted)} accepted, ${String(attack.counts.refused)} refused`,
    );
    expect(attack.counts.accepted).toBeGreaterThan(SECONDS);

    // Nothing of others changed hands.
    expect((await readRows(owned)).map(ownerOf), `seed ${String(SEED)}`).toEqual(before);
    for (const row of await readRows(FORBIDDEN)) expect(row?.owner?.namespace, `seed ${String(SEED)}`).not.toBe('bob');
    expect(await checkLedger(ledger)).toEqual([]);
    // Every process is the one that was started: its port responds, and it never restarted.
    for (const program of [...installation.operators, ...installation.webhooks]) {
      expect(await program.metric('process_resident_memory_bytes'), program.name).toBeGreaterThan(0);
    }
    await eventually(
      async () => {
        expect(await lastResync()).toBeGreaterThan(Math.max(resyncBefore, ends));
      },
      {
        within: 60_000,
        every: 500,
      },
    );

    // Others still get addresses.
    await kubectl(['create', '-f', '-'], aClaim('afterwards', { pool: 'kubernetes' }));
    await untilReason(plane, 'afterwards', 'Allocated');

    // When the attacker is gone, nothing of theirs is left.
    await removeForeignFinalizers('pods,virtualmachines,virtualmachineinstances,macallocations');
    await kubectl(['delete', 'namespace', 'bob', '--wait=false']);
    await eventually(
      async () => {
        const held = await listAddresses(ledger, { states: ['active', 'pending'], namespace: 'bob', limit: 100 });
        expect(held, JSON.stringify(held)).toEqual([]);
      },
      { within: 240_000, every: 1_000 },
    );
    expect((await readRows(owned)).map(ownerOf)).toEqual(before);
  },
  (SECONDS + 420) * 1_000,
);
