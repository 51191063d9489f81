import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { transfer } from '../../ledger/address/transfer.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  addressesOf,
  aPod,
  auditOf,
  installedEnvOfThisFile,
  shownAllocations,
  untilNoAllocations,
  untilReason,
  whileLedgerIsAhead,
} from '../integration/installed-env.ts';

const installed = installedEnvOfThisFile();

async function create(manifest: string): Promise<string> {
  return await installed().plane.kubectl(['create', '-f', '-', '-o', 'name'], { input: manifest });
}

/** Kills every operator, heals the network and starts a new operator. */
async function replaceOperator(): Promise<void> {
  const { installation, ledgerProxy } = installed();
  await Promise.all(installation.operators.map((operator) => operator.kill()));
  await ledgerProxy.heal();
  await installation.startOperator();
}

/** Waits until the ledger has committed a change whose response was dropped. */
async function waitUntilLedger(what: string, holds: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within: 40_000, every: 50 },
  );
}

/** Waits until no statement waits for a lock. Postgres still executes the statements of a killed process. */
async function waitUntilNoLockWaits(): Promise<void> {
  const { ledger } = installed();
  const text = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await waitUntilLedger('no statement waits for a lock', async () => {
    return (await ledger.query({ text, values: [], row: z.object({ pid: z.number() }) })).length === 0;
  });
}

async function expectNoDoubleAndNoLeak(): Promise<void> {
  const { ledger, plane } = installed();
  const keys = await ledger.query({
    text: `select holder_key as key from rock_mac.addresses where state <> 'released' group by 1 having count(*) > 1`,
    values: [],
    row: z.object({ key: z.string() }),
  });
  expect(keys).toEqual([]);
  const shown = (await shownAllocations(plane)).map(({ mac }) => mac);
  const held = await listAddresses(ledger, { states: ['active', 'orphaned'], limit: 10_000 });
  expect(held.map((row) => row.mac as string).sort()).toEqual(shown.toSorted());
}

/** Expires all leases and waits for the release. Pods that no operator saw leave pending addresses. */
async function waitUntilNoPending(): Promise<void> {
  const { ledger } = installed();
  await whileLedgerIsAhead(ledger, '3 minutes', async () => {
    await waitUntilLedger('the end of all leases', async () => {
      return (await listAddresses(ledger, { states: ['pending'] })).length === 0;
    });
  });
}

afterEach(async () => {
  const { plane } = installed();
  await plane.kubectl(['delete', 'pods,macallocations', '--all', '--wait=false']);
  await untilNoAllocations(plane, 60_000);
});

describe('the operator killed with SIGKILL', () => {
  test('after the ledger allocated, before the response: the claim gets that address, allocated once', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.allocate') });
    await create(aClaim('cut', { pool: 'development' }));
    let address = '';
    await waitUntilLedger('an address for the claim', async () => {
      const [row] = await listAddresses(ledger, { pool: 'development', states: ['active'] });
      address = row?.mac ?? '';
      return row !== undefined;
    });
    await replaceOperator();
    const claim = await untilReason(plane, 'cut', 'Allocated');
    expect(claim.status?.mac).toBe(address);
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate']);
    await expectNoDoubleAndNoLeak();
  });

  test('after the ledger released, before the response: the claim is deleted, released once', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    await create(aClaim('leaving', { pool: 'development' }));
    const address = (await untilReason(plane, 'leaving', 'Allocated')).status?.mac ?? '';
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.release') });
    await plane.kubectl(['delete', 'macallocation', 'leaving', '--wait=false']);
    await waitUntilLedger('the release', async () => (await findByMac(ledger, mac(address)))?.state === 'released');
    expect(await shownAllocations(plane)).toHaveLength(1);
    await replaceOperator();
    await untilNoAllocations(plane);
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'release']);
  });

  test('after the ledger bound a pod, before the response: the mirror shows the address, bound once', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.bind') });
    await create(aPod('workload', { networks: '[{"name":"blue"}]' }));
    const [address] = await addressesOf(plane, 'workload');
    await waitUntilLedger(
      'the binding',
      async () => (await findByMac(ledger, mac(address?.mac ?? '')))?.state === 'active',
    );
    await replaceOperator();
    await eventually(
      async () => {
        const [mirror] = await shownAllocations(plane);
        if (mirror?.mac !== address?.mac) throw new Error('the mirror has no address yet');
      },
      { within: 20_000, every: 100 },
    );
    expect((await auditOf(ledger, address?.mac ?? '')).map(({ action }) => action)).toEqual(['allocate', 'bind']);
    await expectNoDoubleAndNoLeak();
  });

  test('after the ledger handed a claim over, before the response: the other claim has it, handed over once', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    await create(aClaim('giver', { pool: 'development' }));
    const address = (await untilReason(plane, 'giver', 'Allocated')).status?.mac ?? '';
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.transfer') });
    await plane.kubectl(['annotate', 'macallocation', 'giver', 'mac.rock-os.io/transfer-to=default/taker']);
    await create(aClaim('taker', { pool: 'development', requestedMac: address }));
    await waitUntilLedger('the transfer', async () => (await findByMac(ledger, mac(address)))?.owner?.name === 'taker');
    await replaceOperator();
    expect((await untilReason(plane, 'taker', 'Allocated')).status?.mac).toBe(address);
    await plane.kubectl(['wait', '--for=delete', 'macallocation/giver', '--timeout=30s']);
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'transfer']);
    await expectNoDoubleAndNoLeak();
  });

  test('before the first claim is deleted: the next operator deletes it, and releases nothing', async () => {
    const { plane, ledger } = installed();
    await create(aClaim('giver', { pool: 'development' }));
    const address = (await untilReason(plane, 'giver', 'Allocated')).status?.mac ?? '';
    const keep = JSON.stringify({ metadata: { finalizers: ['mac.rock-os.io/release', 'example.com/keep'] } });
    await plane.kubectl(['patch', 'macallocation', 'giver', '--type=merge', '-p', keep]);
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    // What an operator leaves behind that is killed right after the ledger changed the owner.
    const row = await findByMac(ledger, mac(address));
    await create(aClaim('taker', { pool: 'development', requestedMac: address }));
    const uid = await plane.kubectl(['get', 'macallocation', 'taker', '-o', 'jsonpath={.metadata.uid}']);
    if (row?.owner === undefined) throw new Error('the claim has no address');
    const owner = { ...row.owner, name: 'taker', uid };
    const newKey = claimKey({ clusterId: row.owner.clusterId, uid });
    const item = { ...row, newKey, owner, state: 'active', requester: 'ada', reason: 'handed over' } as const;
    expect(await transfer(ledger, [item], 'test')).toMatchObject([{ outcome: 'transferred' }]);
    await installed().installation.startOperator();
    expect((await untilReason(plane, 'taker', 'Allocated')).status?.mac).toBe(address);
    await waitUntilLedger('the finalizer of the operator is gone', async () => {
      const finalizers = await plane.kubectl(['get', 'ma', 'giver', '-o', 'jsonpath={.metadata.finalizers}']);
      return finalizers === '["example.com/keep"]';
    });
    expect((await findByMac(ledger, mac(address)))?.owner?.name).toBe('taker');
    await plane.kubectl([
      'patch',
      'macallocation',
      'giver',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/metadata/finalizers"}]',
    ]);
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'transfer']);
  });

  test('after the ledger released the address of a pod, before the response: the mirror is deleted, released once', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    await create(aPod('gone', { networks: '[{"name":"blue"}]' }));
    const address = (await addressesOf(plane, 'gone'))[0]?.mac ?? '';
    await waitUntilLedger('the binding', async () => (await findByMac(ledger, mac(address)))?.state === 'active');
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.release') });
    await plane.kubectl(['delete', 'pod', 'gone', '--force', '--grace-period=0']);
    await waitUntilLedger('the release', async () => (await findByMac(ledger, mac(address)))?.state === 'released');
    expect(await shownAllocations(plane)).toHaveLength(1);
    await replaceOperator();
    await untilNoAllocations(plane);
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'bind', 'release']);
  });

  test('after the mirror of a pod was stored, before the ledger bound it: the next operator binds it once', async () => {
    const { plane, ledger, installation } = installed();
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await create(aPod('promised', { networks: '[{"name":"blue"}]' }));
    const [address] = await addressesOf(plane, 'promised');
    const blocker = await ledger.connections.connect();
    await blocker.query('begin');
    await blocker.query('select 1 from rock_mac.addresses for update');
    const operator = await installation.startOperator();
    await waitUntilLedger('the mirror', async () => (await shownAllocations(plane)).length === 1);
    await operator.kill();
    await waitUntilNoLockWaits();
    await blocker.query('rollback');
    blocker.release();
    expect((await findByMac(ledger, mac(address?.mac ?? '')))?.state).toBe('pending');
    await installation.startOperator();
    await waitUntilLedger(
      'the binding',
      async () => (await findByMac(ledger, mac(address?.mac ?? '')))?.state === 'active',
    );
    expect((await auditOf(ledger, address?.mac ?? '')).map(({ action }) => action)).toEqual(['allocate', 'bind']);
    await eventually(() => expectNoDoubleAndNoLeak(), { within: 20_000, every: 200 });
  });

  test('while pods are created and deleted: every address has an owner or is released in the end', async () => {
    const { plane, installation } = installed();
    const pods = Array.from({ length: 12 }, (_, index) => `churn-${String(index)}`);
    for (const [index, name] of pods.entries()) {
      await create(aPod(name, { networks: '[{"name":"blue"}]' }));
      if (index % 4 === 3) await replaceOperator();
      if (index % 2 === 1) await plane.kubectl(['delete', 'pod', name, '--wait=false']);
    }
    // Deletes a pod while no operator runs.
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await plane.kubectl(['delete', 'pod', 'churn-0', 'churn-2']);
    await installation.startOperator();
    await eventually(
      async () => {
        const shown = await shownAllocations(plane);
        expect(shown.map(({ spec }) => spec.consumerRef?.name).sort()).toEqual([
          'churn-10',
          'churn-4',
          'churn-6',
          'churn-8',
        ]);
        await expectNoDoubleAndNoLeak();
      },
      { within: 60_000, every: 500 },
    );
    await waitUntilNoPending();
    await expectNoDoubleAndNoLeak();
  });
});

describe('two operators and two webhooks at once', () => {
  test('do no work twice', async () => {
    const { plane, installation, ledger } = installed();
    await replaceOperator();
    await Promise.all([installation.startOperator(), installation.startWebhook()]);
    const names = Array.from({ length: 20 }, (_, index) => `twin-${String(index)}`);
    await Promise.all(names.map((name) => create(aPod(name, { networks: '[{"name":"blue"},{"name":"red"}]' }))));
    await Promise.all(names.slice(0, 5).map((name) => create(aClaim(`claim-${name}`, { pool: 'docker' }))));
    await eventually(
      async () => {
        const shown = await shownAllocations(plane);
        if (shown.filter(({ mac }) => mac !== undefined).length !== 45)
          throw new Error('some mirrors have no address yet');
      },
      { within: 40_000, every: 200 },
    );
    await expectNoDoubleAndNoLeak();
    await plane.kubectl(['delete', 'pods,macallocations', '--all', '--wait=false']);
    await untilNoAllocations(plane, 60_000);
    const actions = await ledger.query({
      text: `select action, count(*)::int as count, count(distinct (mac_address, generation))::int as owners
             from rock_mac.audit_log where pool in ('docker', 'kubernetes') and owner like '%twin-%'
             group by 1 order by 1`,
      values: [],
      row: z.object({ action: z.string(), count: z.number(), owners: z.number() }),
    });
    // One row per owner: nothing was allocated, bound or released twice.
    expect(actions).toEqual([
      { action: 'allocate', count: 45, owners: 45 },
      { action: 'bind', count: 40, owners: 40 },
      { action: 'release', count: 45, owners: 45 },
    ]);
  });
});
