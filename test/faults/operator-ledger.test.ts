import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { allocate } from '../../ledger/address/allocate.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { approveRecovery } from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { returnStock } from '../../ledger/stock/leave-stock.ts';
import { checkStock } from '../../ledger/stock/stock.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  installedEnvOfThisFile,
  shownAllocations,
  untilNoAllocations,
  untilReason,
} from '../integration/installed-env.ts';
import { aStockHolder, fillAStock } from '../integration/ledger-fixture.ts';

/* The owner, because an operator with the login of a cluster waits for an admin after a restore in place. */
const installed = installedEnvOfThisFile({ login: 'owner', webhooks: 0, adopt: 'kubernetes' });

beforeAll(async () => {
  await installed().plane.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
});

async function create(manifest: string): Promise<void> {
  await installed().plane.kubectl(['create', '-f', '-'], { input: manifest });
}

async function createPodWithAddress(
  name: string,
  address: string,
  { namespace = 'default', ...options }: { readonly namespace?: string; readonly annotations?: object } = {},
): Promise<void> {
  const networks = JSON.stringify([{ name: 'blue', mac: address }]);
  const annotations = { 'k8s.v1.cni.cncf.io/networks': networks, ...options.annotations };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  await create(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, annotations }, spec }));
}

async function sql(text: string): Promise<void> {
  await installed().ledger.connections.query(text);
}

const condition = z.object({ status: z.string(), reason: z.string(), message: z.string() });

async function waitUntilLedgerReason(reason: string): Promise<z.infer<typeof condition>> {
  const { plane } = installed();
  return await eventually(
    async () => {
      const path = '{.status.conditions[?(@.type=="LedgerOpen")]}';
      const shown = condition.parse(
        JSON.parse(await plane.kubectl(['get', 'macpool', 'vultr', '-o', `jsonpath=${path}`])),
      );
      if (shown.reason !== reason) throw new Error(`LedgerOpen is ${shown.reason}`);
      return shown;
    },
    { within: 30_000, every: 100 },
  );
}

describe('a ledger', () => {
  test('that failed over gets all addresses in use again, including lost ones, and opens', async () => {
    const { plane, ledger, installation } = installed();
    await create(aClaim('kept', { pool: 'development' }));
    await untilReason(plane, 'kept', 'Allocated');
    const { epoch } = await ledgerState(ledger);
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    // This address was allocated and stored on a pod. The standby did not have it yet when the primary was lost.
    const lostAddress = 'a4:58:0f:05:00:00';
    expect(await findByMac(ledger, mac(lostAddress))).toBeUndefined();
    await createPodWithAddress('bearer', lostAddress);
    await sql(`update rock_mac.ledger_state set timeline = 'FFFFFFFF'`);
    await installation.startOperator();
    await eventually(
      async () => {
        expect(await findByMac(ledger, mac(lostAddress))).toMatchObject({ state: 'active', owner: { name: 'bearer' } });
        expect(await ledgerState(ledger)).toMatchObject({ mode: 'open', epoch: epoch + 1 });
      },
      { within: 30_000, every: 100 },
    );
    // The next address is beyond every address that may have been allocated before the failover.
    await create(aClaim('next', { pool: 'kubernetes' }));
    expect((await untilReason(plane, 'next', 'Allocated')).status?.mac).toMatch(/^a4:58:0f:05:04:/);
    await plane.kubectl(['delete', 'pod', 'bearer', '--grace-period=0', '--force']);
    await plane.kubectl(['delete', 'macallocation', 'kept', 'next']);
    await untilNoAllocations(plane);
  });

  test('that failed over gets an address again of the pool that its network or its machine names, and not of one that a pod names', async () => {
    const { plane, ledger, installation } = installed();
    await installForeignCrds(plane.kubectl);
    await plane.kubectl(['delete', 'validatingadmissionpolicybinding', '-l', 'app.kubernetes.io/name=rock-mac-stray']);
    for (const namespace of ['named', 'elsewhere']) {
      await plane.kubectl(['create', 'namespace', namespace]);
      await plane.kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
    }
    const pool = { 'mac.rock-os.io/pool': 'docker' };
    const metadata = { name: 'blue', namespace: 'named', annotations: pool };
    await create(JSON.stringify({ apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition', metadata }));
    await Promise.all(installation.operators.map((operator) => operator.kill()));

    const [byNetwork, byPod, byMachine] = [
      mac('a4:58:0f:04:10:01'),
      mac('a4:58:0f:04:10:02'),
      mac('a4:58:0f:04:10:03'),
    ];
    await createPodWithAddress('by-network', byNetwork, { namespace: 'named' });
    await createPodWithAddress('by-pod', byPod, { namespace: 'elsewhere', annotations: pool });
    const interfaces = [{ name: 'blue', bridge: {}, macAddress: byMachine }];
    const networks = [{ name: 'blue', multus: { networkName: 'blue' } }];
    const spec = { runStrategy: 'Halted', template: { spec: { domain: { devices: { interfaces } }, networks } } };
    const machine = { name: 'by-machine', namespace: 'elsewhere', annotations: pool };
    await create(JSON.stringify({ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata: machine, spec }));
    await sql(`update rock_mac.ledger_state set timeline = 'FFFFFFFF'`);
    await installation.startOperator();
    await eventually(
      async () => {
        expect(await findByMac(ledger, byNetwork)).toMatchObject({ state: 'active', owner: { name: 'by-network' } });
        expect(await findByMac(ledger, byMachine)).toMatchObject({ state: 'active', owner: { name: 'by-machine' } });
        expect(await findByMac(ledger, byPod)).toMatchObject({ state: 'released', generation: 0, observed: true });
        expect((await ledgerState(ledger)).mode).toBe('open');
      },
      { within: 30_000, every: 100 },
    );
    await plane.kubectl(['delete', 'namespace', 'named', 'elsewhere', '--wait=false']);
    for (const [namespace, name] of [
      ['named', 'by-network'],
      ['elsewhere', 'by-pod'],
    ] as const) {
      await plane.kubectl(['delete', 'pod', name, '-n', namespace, '--grace-period=0', '--force']);
    }
    await untilNoAllocations(plane);
  });

  test('that failed over gets the consumer of a claim again before another object can take the claim', async () => {
    const { plane, ledger } = installed();
    await create(aClaim('used', { pool: 'development' }));
    const address = mac((await untilReason(plane, 'used', 'Allocated')).status?.mac ?? '');
    await createPodWithAddress('user', address);
    const waitUntilUsed = () =>
      eventually(
        async () => {
          expect((await findByMac(ledger, address))?.consumer).toMatchObject({ name: 'user', expiresAt: undefined });
          expect((await ledgerState(ledger)).mode).toBe('open');
        },
        { within: 30_000, every: 100 },
      );
    await waitUntilUsed();
    await sql(`begin; update rock_mac.ledger_state set timeline = 'FFFFFFFF';
      update rock_mac.addresses set consumer_key = null, consumer_kind = null, consumer_name = null, consumer_uid = null, consumer_nic = null
      where consumer_name = 'user'; commit`);
    await waitUntilUsed();
    await plane.kubectl(['delete', 'pod', 'user', '--grace-period=0', '--force']);
    await plane.kubectl(['delete', 'macallocation', 'used']);
    await untilNoAllocations(plane);
  });

  test('that was restored to an older copy in the same server is detected, and allocates no address twice', async () => {
    const { plane, ledger, ledgerProxy, testEnv } = installed();
    await create(aClaim('old', { pool: 'experiment' }));
    await untilReason(plane, 'old', 'Allocated');
    const admin = openLedger({
      url: testEnv.postgres.url(),
      applicationName: 'test',
      max: 1,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 30_000,
    });
    // A database can be copied only while it has no connections.
    await ledgerProxy.cut();
    const endConnections = () =>
      admin.connections.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'rock_mac'`);
    await eventually(
      async () => {
        await endConnections();
        await admin.connections.query('create database older template rock_mac');
      },
      { within: 20_000, every: 200 },
    );
    await ledgerProxy.heal();

    await create(aClaim('newer', { pool: 'experiment' }));
    const newer = (await untilReason(plane, 'newer', 'Allocated')).status?.mac ?? '';
    const device = { key: 'request/device', pool: 'experiment', state: 'active' as const, reason: 'test' };
    const request = { ...device, requester: 'test', actor: 'test' };
    const [outcome] = await allocate(ledger, 'experiment', [request], { leaseSeconds: 120 });
    const { epoch, auditHead } = await ledgerState(ledger);
    await eventually(
      async () => {
        const path = ['-n', 'rock-mac-system', 'get', 'configmap', 'rock-mac-ledger-head'];
        expect(await plane.kubectl([...path, '-o', 'jsonpath={.data}'])).toContain(`\\"auditHead\\":${auditHead}`);
      },
      { within: 20_000, every: 200 },
    );
    await ledgerProxy.cut();
    await admin.connections.query('drop database rock_mac with (force)');
    await admin.connections.query('alter database older rename to rock_mac');
    await ledgerProxy.heal();

    await eventually(
      async () => {
        const { needsApproval, missingClusters, ...state } = await ledgerState(ledger);
        expect(state).toMatchObject({ mode: 'recovering', epoch: epoch + 1 });
        expect({ needsApproval, missingClusters }).toEqual({ needsApproval: true, missingClusters: [] });
      },
      { within: 40_000, every: 200 },
    );
    expect((await waitUntilLedgerReason('Recovering')).message).toContain('rock-mac recover --approve');
    expect(await findByMac(ledger, mac(newer))).toMatchObject({ state: 'active', owner: { name: 'newer' } });
    expect(await approveRecovery(ledger)).toBe('open');
    expect(outcome).toMatchObject({ outcome: 'allocated' });
    // No object in a cluster has the device's address, so the address stays orphaned.
    const lost = outcome?.outcome === 'allocated' ? outcome.mac : mac('a4:58:0f:02:00:00');
    expect((await findByMac(ledger, lost))?.state).toBe('orphaned');
    await waitUntilLedgerReason('Open');
    await plane.kubectl(['delete', 'macallocation', 'old', 'newer']);
    await untilNoAllocations(plane);
    await admin.close();
  });

  test('that is closed has its reason on every pool, and serves waiting claims when it opens', async () => {
    const { plane } = installed();
    await sql(`update rock_mac.ledger_state set mode = 'paused'`);
    const shown = await waitUntilLedgerReason('Paused');
    expect(shown).toMatchObject({ status: 'False', message: 'An admin has paused the ledger.' });
    await create(aClaim('patient', { pool: 'docker' }));
    await untilReason(plane, 'patient', 'LedgerRecovering');
    await sql(`update rock_mac.ledger_state set mode = 'open'`);
    await untilReason(plane, 'patient', 'Allocated');
    await waitUntilLedgerReason('Open');
    await plane.kubectl(['delete', 'macallocation', 'patient']);
  });

  test('that is unavailable has its reason on the pools, delays no deletion of a pod, and is updated later', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    const address = 'a4:58:0f:05:30:00';
    await createPodWithAddress('brief', address);
    // Waits for the mirror too. Without it, only a later resync would release the address.
    await eventually(
      async () => {
        expect((await shownAllocations(plane)).map(({ mac }) => mac)).toEqual([address]);
      },
      { within: 20_000, every: 100 },
    );
    await ledgerProxy.cut();
    expect((await waitUntilLedgerReason('LedgerUnavailable')).status).toBe('Unknown');
    await plane.kubectl(['delete', 'pod', 'brief', '--grace-period=0', '--force', '--timeout=5s']);
    await ledgerProxy.heal();
    await untilNoAllocations(plane, 30_000);
    expect((await findByMac(ledger, mac(address)))?.state).toBe('released');
    await waitUntilLedgerReason('Open');
  });

  test('that is unavailable for longer than a minute keeps mirrors waiting, but no namespace that is deleted', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    const [patient, doomed] = ['a4:58:0f:05:30:01', 'a4:58:0f:05:30:02'];
    await plane.kubectl(['create', 'namespace', 'doomed']);
    await plane.kubectl(['annotate', 'namespace', 'doomed', 'mac.rock-os.io/adopt=kubernetes']);
    await createPodWithAddress('patient', patient);
    await createPodWithAddress('doomed', doomed, { namespace: 'doomed' });
    const mirrors = () => plane.kubectl(['get', 'macallocations', '-A', '-o', 'jsonpath={.items[*].spec.mac}']);
    await eventually(
      async () => {
        expect((await mirrors()).split(' ').sort()).toEqual([patient, doomed]);
      },
      {
        within: 20_000,
        every: 100,
      },
    );
    await ledgerProxy.cut();
    try {
      await plane.kubectl(['delete', 'pod', 'patient', '--grace-period=0', '--force', '--timeout=5s']);
      await plane.kubectl(['delete', 'namespace', 'doomed', '--wait=false']);
      await plane.kubectl(['delete', 'pods', '--all', '-n', 'doomed', '--grace-period=0', '--force']);
      // A minute, and the longest pause between two tries.
      await plane.kubectl(['wait', '--for=delete', 'namespace/doomed', '--timeout=120s']);
      expect(await mirrors()).toBe(patient);
    } finally {
      await ledgerProxy.heal();
    }
    await untilNoAllocations(plane, 45_000);
    expect((await findByMac(ledger, mac(patient)))?.state).toBe('released');
  }, 240_000);
});

describe('a pool that is deleted', () => {
  async function createPool(name: string, octet: string): Promise<void> {
    const spec = { first: `a4:58:0f:${octet}:00:00`, last: `a4:58:0f:${octet}:00:0f`, reuseDelay: '1h' };
    await create(JSON.stringify({ apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name }, spec }));
    await installed().plane.kubectl(['wait', '--for=condition=Ready', `macpool/${name}`, '--timeout=20s']);
  }

  test('stays while addresses of it are held, counts them in its condition, and then stays paused in the ledger', async () => {
    const { plane, ledger } = installed();
    await createPool('busy', '40');
    await create(aClaim('one', { pool: 'busy' }));
    await create(aClaim('two', { pool: 'busy', reserved: true }));
    await Promise.all(['one', 'two'].map((name) => untilReason(plane, name, 'Allocated')));
    await plane.kubectl(['delete', 'macpool', 'busy', '--wait=false']);
    const path = '{.status.conditions[?(@.type=="Ready")].reason}';
    await plane.kubectl(['wait', `--for=jsonpath=${path}=DeletionBlocked`, 'macpool/busy', '--timeout=20s']);
    const shown = await plane.kubectl(['get', 'macpool', 'busy', '-o', 'jsonpath={.status.conditions[*].message}']);
    expect(shown).toMatch(/waits for 2 held addresses \(1 active, 0 pending, 0 stocked, 1 reserved, 0 orphaned\)/);
    await plane.kubectl(['annotate', 'macallocation', 'two', 'mac.rock-os.io/force-release=true']);
    await plane.kubectl(['delete', 'macallocation', 'one', 'two']);
    await plane.kubectl(['wait', '--for=delete', 'macpool/busy', '--timeout=30s']);
    expect((await listPools(ledger)).find(({ name }) => name === 'busy')).toMatchObject({ paused: true, used: true });
  });

  test('and has stock is paused, so that the webhooks return it', async () => {
    const { plane, ledger } = installed();
    await createPool('stocked', '43');
    const [cluster] = await listClusters(ledger);
    const holder = aStockHolder({ clusterId: cluster?.clusterId ?? '' });
    const stock = await fillAStock({ db: ledger }, { holder, count: 1, pool: 'stocked' });
    await plane.kubectl(['delete', 'macpool', 'stocked', '--wait=false']);
    await eventually(async () => {
      expect(await checkStock(ledger, holder, undefined)).toMatchObject([{ isUsable: false }]);
    });
    await returnStock(ledger, stock, { unused: true, actor: 'test', reason: 'test' });
    await plane.kubectl(['wait', '--for=delete', 'macpool/stocked', '--timeout=30s']);
  });

  test('and was never used is removed from the ledger', async () => {
    const { plane, ledger } = installed();
    await createPool('unused', '41');
    await plane.kubectl(['delete', 'macpool', 'unused', '--timeout=20s']);
    expect((await listPools(ledger)).map(({ name }) => name)).not.toContain('unused');
  });

  test('and overlapped another pool does not change that pool', async () => {
    const { plane, ledger } = installed();
    const spec = { first: 'a4:58:0f:05:00:00', last: 'a4:58:0f:05:00:0f' };
    await create(
      JSON.stringify({ apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'thief' }, spec }),
    );
    const path = '{.status.conditions[?(@.type=="Ready")].reason}';
    await plane.kubectl(['wait', `--for=jsonpath=${path}=RangeOverlaps`, 'macpool/thief', '--timeout=20s']);
    await plane.kubectl(['delete', 'macpool', 'thief', '--timeout=20s']);
    expect((await listPools(ledger)).map(({ name }) => name)).toContain('kubernetes');
  });
});
