import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { CONSUMER_UNREACHABLE } from '../../api/mac-allocation.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { mac, macToNumber } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { createNode } from '../integration/hand-made-node.ts';
import { addressesOf, aPod, auditOf, installedEnvOfThisFile } from '../integration/installed-env.ts';

/*
 * The operator killed between every two steps of a sticky address, and a ledger that lost one. A resync is far away: only the start of
 * an operator runs one. The owner, because an operator with the login of a cluster waits for an admin after some failovers.
 */

const installed = installedEnvOfThisFile({ login: 'owner' });
const kubectl = (...args: readonly string[]) => installed().plane.kubectl(args);
const force = ['--force', '--grace-period=0'];

const killOperators = () => Promise.all(installed().installation.operators.map((operator) => operator.kill()));
const startOperator = () => installed().installation.startOperator();

/** Kills every operator, heals the network and starts a new operator. */
async function replaceOperator(): Promise<void> {
  await killOperators();
  await installed().ledgerProxy.heal();
  await startOperator();
}

function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  return eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within: 40_000, every: 50 },
  );
}

const claims = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        mac: z.string().optional(),
        stickyFor: z.object({ name: z.string() }).optional(),
        consumerRef: z.object({ name: z.string() }).optional(),
      }),
      status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })) }).optional(),
    }),
  ),
});

const shown = async () => claims.parse(JSON.parse(await kubectl('get', 'macallocations', '-o', 'json'))).items;
const claimOf = async (address: string) =>
  (await shown()).find(({ spec }) => spec.stickyFor !== undefined && spec.mac === address);
const nameOf = async (address: string) => (await claimOf(address))?.metadata.name ?? '';
const mirrorOf = async (address: string) =>
  (await shown()).find(({ spec }) => spec.consumerRef !== undefined && spec.mac === address);
const rowOf = (address: string): Promise<AddressRow | undefined> => findByMac(installed().ledger, mac(address));
const actionsOf = async (address: string) => (await auditOf(installed().ledger, address)).map(({ action }) => action);
const uidOf = (pod: string) => kubectl('get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}');

/** Creates a pod with an address of its name, and returns that. */
async function createPod(name: string, nodeName?: string): Promise<string> {
  const annotations = { 'mac.rock-os.io/sticky': 'true' };
  const input = aPod(name, { networks: 'blue', annotations, nodeName });
  await installed().plane.kubectl(['create', '-f', '-'], { input });
  return (await addressesOf(installed().plane, name))[0]?.mac ?? '';
}

const untilSticky = (address: string) =>
  until('active and shown', async () => {
    return (await rowOf(address))?.state === 'active' && (await claimOf(address)) !== undefined;
  });

async function aStickyPod(name: string): Promise<string> {
  const address = await createPod(name);
  await untilSticky(address);
  return address;
}

/** Has the ledger commit the next such call, and never answer it. */
function dropAnswersOf(call: string): void {
  installed().ledgerProxy.dropAnswers({ when: (request) => request.includes(call) });
}

/** Has the ledger commit the next transaction with such a call, and never answer that. */
function dropCommitOf(call: string): void {
  let isCalled = false;
  installed().ledgerProxy.dropAnswers({
    when: (request) => {
      isCalled ||= request.includes(call);
      return isCalled && request.includes('commit');
    },
  });
}

/** Locks every address while `work` runs. Then waits until Postgres has ended the statements of a killed operator. */
async function whileLocked(work: () => Promise<void>): Promise<void> {
  const { ledger } = installed();
  const blocker = await ledger.connections.connect();
  await blocker.query('begin');
  await blocker.query('select 1 from rock_mac.addresses for update');
  await work();
  const text = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await until('no statement waits', async () => {
    return (await ledger.query({ text, values: [], row: z.object({ pid: z.number() }) })).length === 0;
  });
  await blocker.query('rollback');
  blocker.release();
}

/** Removes the row of an address, as if a standby without it had become the primary. */
async function lose(address: string): Promise<void> {
  const addr = String(macToNumber(mac(address)));
  await installed().ledger.connections.query(
    `begin; set local session_replication_role = replica; delete from rock_mac.addresses where addr = ${addr}; commit`,
  );
}

afterEach(async () => {
  await installed().ledgerProxy.heal();
  await kubectl('delete', 'nodes', '--all', '--wait=false');
  await kubectl('delete', 'pods', '--all', '--wait=false', ...force);
  await kubectl('delete', 'macallocations', '--all', '--wait=false');
  await until('no allocations', async () => (await shown()).length === 0);
});

describe('the operator killed with SIGKILL', () => {
  test('after the sticky claim was stored, before the ledger bound the address: the next one binds it once', async () => {
    await killOperators();
    const address = await createPod('stored');
    await whileLocked(async () => {
      const operator = await startOperator();
      await until('the claim', async () => (await claimOf(address)) !== undefined);
      await operator.kill();
    });
    expect((await rowOf(address))?.state).toBe('pending');
    await startOperator();
    await untilSticky(address);
    expect(await actionsOf(address)).toEqual(['allocate', 'bind']);
  });

  test('after the ledger bound the address, before the response: it is bound once', async () => {
    dropAnswersOf('rock_mac.bind');
    const address = await createPod('bound');
    await until('bound', async () => (await rowOf(address))?.state === 'active');
    await replaceOperator();
    await untilSticky(address);
    expect(await actionsOf(address)).toEqual(['allocate', 'bind']);
  });

  test('after the ledger released the address of a deleted claim, before the response: it is released once', async () => {
    const address = await aStickyPod('released');
    await kubectl('delete', 'pod', 'released', ...force);
    dropAnswersOf('rock_mac.release');
    await kubectl('delete', 'macallocation', await nameOf(address), '--wait=false');
    await until('released', async () => (await rowOf(address))?.state === 'released');
    expect(await claimOf(address)).toBeDefined();
    await replaceOperator();
    await until('no claim', async () => (await claimOf(address)) === undefined);
    expect(await actionsOf(address)).toEqual(['allocate', 'bind', 'release']);
  });

  test('after the mirror was stored of a pod whose claim is deleted, before the ledger gave it the address', async () => {
    const address = await aStickyPod('mirrored');
    await killOperators();
    await kubectl('delete', 'macallocation', await nameOf(address), '--wait=false');
    await whileLocked(async () => {
      const operator = await startOperator();
      await until('the mirror', async () => (await mirrorOf(address)) !== undefined);
      await operator.kill();
    });
    expect((await rowOf(address))?.owner?.uid).toBeUndefined();
    await startOperator();
    await until('no claim', async () => (await claimOf(address)) === undefined);
    expect((await rowOf(address))?.owner).toMatchObject({ name: 'mirrored', uid: await uidOf('mirrored') });
    expect(await actionsOf(address)).toEqual(['allocate', 'bind', 'change']);
  });

  test('after the ledger gave the address to the pod, before the response: the claim goes and the mirror stays', async () => {
    const address = await aStickyPod('given');
    dropAnswersOf('rock_mac.bind');
    await kubectl('delete', 'macallocation', await nameOf(address), '--wait=false');
    await until('given', async () => (await rowOf(address))?.owner?.uid !== undefined);
    await replaceOperator();
    await until('no claim', async () => (await claimOf(address)) === undefined);
    expect(await mirrorOf(address)).toBeDefined();
    expect(await actionsOf(address)).toEqual(['allocate', 'bind', 'change']);
  });

  /** Creates a pod, ends it, kills the operator, and has the address be unused for longer than its pool waits. */
  async function anUnusedAddress(name: string): Promise<string> {
    const address = await aStickyPod(name);
    await kubectl('delete', 'pod', name, ...force);
    // No resync runs here: the end of a bare pod is recorded at once.
    await until('unused', async () => (await rowOf(address))?.missingSince !== undefined);
    await killOperators();
    await installed().ledger.connections.query(
      `update rock_mac.addresses set missing_since = missing_since - interval '25 hours' where missing_since is not null`,
    );
    return address;
  }

  test('after the claim of an unused address was deleted, before the ledger released it: the next one releases it', async () => {
    const address = await anUnusedAddress('withdrawn');
    await whileLocked(async () => {
      const operator = await startOperator();
      await until('no claim', async () => (await claimOf(address)) === undefined);
      await operator.kill();
    });
    expect((await rowOf(address))?.state).toBe('active');
    await startOperator();
    await until('released', async () => (await rowOf(address))?.state === 'released');
    expect(await actionsOf(address)).toEqual(['allocate', 'bind', 'release']);
  });

  test('after the claim of an unused address was deleted, before the ledger released it: the next pod has it, and a claim', async () => {
    const address = await anUnusedAddress('shown');
    await whileLocked(async () => {
      const operator = await startOperator();
      await until('no claim', async () => (await claimOf(address)) === undefined);
      await operator.kill();
    });
    expect(await createPod('shown')).toBe(address);
    await startOperator();
    await untilSticky(address);
    expect(await actionsOf(address)).toEqual(['allocate', 'bind']);
  });

  test('after the ledger released an unused address, before the response: no claim answers with it', async () => {
    const address = await anUnusedAddress('unused');
    dropAnswersOf('rock_mac.release_unused');
    await startOperator();
    await until('released', async () => (await rowOf(address))?.state === 'released');
    await killOperators();
    await installed().ledgerProxy.heal();
    await installed().ledgerProxy.cut();
    const input = aPod('unused', { networks: 'blue', annotations: { 'mac.rock-os.io/sticky': 'true' } });
    await installed().plane.kubectl(['create', '-f', '-'], { input });
    expect(await addressesOf(installed().plane, 'unused')).toEqual([]);
    await installed().ledgerProxy.heal();
    await startOperator();
    await until('an address', async () => (await addressesOf(installed().plane, 'unused')).length === 1);
    expect((await addressesOf(installed().plane, 'unused'))[0]?.mac).not.toBe(address);
    expect(await actionsOf(address)).toEqual(['allocate', 'bind', 'release']);
  });

  test('after the ledger marked or cleared the address of a silent node, before the response: the claim shows it', async () => {
    await createNode(installed().plane, 'silent');
    const address = await createPod('web-0', 'silent');
    await untilSticky(address);
    const setReady = (status: string) => {
      const body = { status: { conditions: [{ type: 'Ready', status, reason: 'Test', message: '' }] } };
      return kubectl('patch', 'node', 'silent', '--subresource=status', '--type=merge', '-p', JSON.stringify(body));
    };
    const untilShown = (status: string) =>
      until(`shown as ${status}`, async () => {
        const { conditions = [] } = (await claimOf(address))?.status ?? {};
        return conditions.some((each) => each.type === CONSUMER_UNREACHABLE && each.status === status);
      });
    dropAnswersOf('rock_mac.mark_unreachable');
    await setReady('Unknown');
    await until('marked', async () => (await rowOf(address))?.unreachableNode === 'silent');
    await replaceOperator();
    await untilShown('True');
    dropCommitOf('rock_mac.clear_unreachable');
    await setReady('True');
    await until('cleared', async () => (await rowOf(address))?.unreachableNode === undefined);
    await replaceOperator();
    await untilShown('False');
  });
});

describe('a ledger that has lost a sticky address', () => {
  test('gets it again after a failover, although no pod of its name lives, and the next pod has it', async () => {
    const { ledger } = installed();
    const address = await aStickyPod('lost');
    await kubectl('delete', 'pod', 'lost', ...force);
    await killOperators();
    const { epoch } = await ledgerState(ledger);
    await lose(address);
    await ledger.connections.query(`update rock_mac.ledger_state set timeline = 'FFFFFFFF'`);
    await startOperator();
    await until('held again', async () => {
      const { mode, epoch: now } = await ledgerState(ledger);
      return mode === 'open' && now > epoch && (await rowOf(address))?.state === 'active';
    });
    expect((await rowOf(address))?.owner).toEqual({
      ...(await rowOf(address))?.owner,
      kind: 'Pod',
      namespace: 'default',
      name: 'lost',
      uid: undefined,
      nic: 'default/blue#0',
    });
    expect(await createPod('lost')).toBe(address);
  });

  test('has its mark again before it opens, because the sticky claim shows it', async () => {
    const { ledger, plane } = installed();
    const node = await createNode(plane, 'gone');
    const address = await createPod('marked', node.name);
    await untilSticky(address);
    await node.setReady('Unknown');
    await until('marked', async () => (await rowOf(address))?.unreachableNode === node.name);
    await until('shown', async () => {
      const { conditions = [] } = (await claimOf(address))?.status ?? {};
      return conditions.some((each) => each.type === CONSUMER_UNREACHABLE && each.status === 'True');
    });
    await kubectl('delete', 'pod', 'marked', ...force);
    await killOperators();
    const { epoch } = await ledgerState(ledger);
    await lose(address);
    await ledger.connections.query(`update rock_mac.ledger_state set timeline = 'FFFFFFFF'`);
    await startOperator();
    await until('open again', async () => {
      const { mode, epoch: now } = await ledgerState(ledger);
      return mode === 'open' && now > epoch;
    });
    expect((await rowOf(address))?.unreachableNode).toBe(node.name);
    await expect(createPod('marked')).rejects.toThrow(/may still be in use/);
    await kubectl('delete', 'node', node.name);
    await until('not marked', async () => (await rowOf(address))?.unreachableNode === undefined);
  });

  test('gets it again while its pod lives, and it stays sticky', async () => {
    const address = await aStickyPod('alive');
    await killOperators();
    await lose(address);
    await startOperator();
    await untilSticky(address);
    expect(await mirrorOf(address)).toBeUndefined();
    await kubectl('delete', 'pod', 'alive', ...force);
    expect(await createPod('alive')).toBe(address);
  });
});
