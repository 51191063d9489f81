import { readFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  auditOf,
  installedEnvOfThisFile,
  shownAllocations,
  untilNoAllocations,
  untilReason,
  whileLedgerIsAhead,
} from '../integration/installed-env.ts';
import { numbered, podsWithAddresses, withoutAdmission } from './operator-pods.ts';

const installed = installedEnvOfThisFile({ webhooks: 0, adopt: 'kubernetes' });

beforeAll(async () => {
  await withoutAdmission(installed().plane);
});

/** Returns the operator that was started last. */
function lastOperator() {
  const operator = installed().installation.operators.at(-1);
  if (operator === undefined) throw new Error('no operator was started');
  return operator;
}

async function create(manifest: string): Promise<void> {
  await installed().plane.kubectl(['create', '-f', '-'], { input: manifest });
}

async function waitUntil(what: string, holds: () => Promise<boolean>, within = 60_000): Promise<void> {
  await eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within, every: 100 },
  );
}

async function stateOf(address: string): Promise<string | undefined> {
  return (await findByMac(installed().ledger, mac(address)))?.state;
}

const outageMs = 30_000;

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** I1, I5: waits until the ledger holds exactly the addresses of the MacAllocations. */
async function waitUntilConsistent(): Promise<void> {
  await waitUntil('the ledger and the cluster have the same addresses', async () => {
    const shown = (await shownAllocations(installed().plane)).map(({ mac }) => mac ?? 'none').sort();
    const held = await listAddresses(installed().ledger, { states: ['active', 'orphaned', 'pending'], limit: 10_000 });
    return JSON.stringify(shown) === JSON.stringify(held.map((row) => row.mac as string).sort());
  });
}

describe('I8: the operator killed with SIGKILL at each step', () => {
  /** Locks rows of the ledger, which blocks a step of the operator. Returns a function that unlocks them. */
  async function lockRows(rows: string): Promise<() => Promise<void>> {
    const client = await installed().ledger.connections.connect();
    await client.query('begin');
    await client.query(`select 1 from ${rows} for update`);
    return async () => {
      await client.query('rollback');
      client.release();
    };
  }

  /** Kills the operator. Postgres ends its statements that wait for a lock after half a second. */
  async function killOperator(): Promise<void> {
    await lastOperator().kill();
    await wait(1_000);
  }

  async function replaceOperator(): Promise<void> {
    await lastOperator().kill();
    await installed().installation.startOperator();
  }

  test('a claim: finalizer stored, ledger not written', async () => {
    const { plane, ledger } = installed();
    const unlock = await lockRows('rock_mac.pools');
    await create(aClaim('step-one', { pool: 'development' }));
    await waitUntil('the finalizer', async () => (await shownAllocations(plane))[0]?.metadata.finalizers !== undefined);
    await killOperator();
    await unlock();
    expect((await shownAllocations(plane))[0]?.mac).toBeUndefined();
    await installed().installation.startOperator();
    const address = (await untilReason(plane, 'step-one', 'Allocated')).status?.mac ?? '';
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate']);
    await waitUntilConsistent();
  });

  test('a claim that is deleted: ledger not written', async () => {
    const { plane, ledger } = installed();
    const address = (await untilReason(plane, 'step-one', 'Allocated')).status?.mac ?? '';
    const unlock = await lockRows('rock_mac.addresses');
    await plane.kubectl(['delete', 'macallocation', 'step-one', '--wait=false']);
    await wait(1_000);
    await killOperator();
    await unlock();
    expect(await stateOf(address)).toBe('active');
    await installed().installation.startOperator();
    await untilNoAllocations(plane);
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'release']);
  });

  test('a claim that expires: ledger written, status and deletion not', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    await create(aClaim('brief', { pool: 'experiment', expiresAfter: '1h' }));
    const address = (await untilReason(plane, 'brief', 'Allocated')).status?.mac ?? '';
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.release(') });
    await whileLedgerIsAhead(ledger, '61 minutes', async () => {
      await waitUntil('the release', async () => (await stateOf(address)) === 'released');
      await lastOperator().kill();
      await ledgerProxy.heal();
      await installed().installation.startOperator();
      await untilNoAllocations(plane);
    });
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'release']);
  });

  test('a claim that expires: ledger and status written, deletion not', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(noDeletion('kept')) });
    await create(aClaim('kept', { pool: 'experiment', expiresAfter: '1h' }));
    const address = (await untilReason(plane, 'kept', 'Allocated')).status?.mac ?? '';
    await waitUntil('the policy is in effect', async () => {
      const tried = plane.kubectl(['delete', 'macallocation', 'kept', '--dry-run=server']);
      return await tried.then(
        () => false,
        () => true,
      );
    });
    await whileLedgerIsAhead(ledger, '61 minutes', async () => {
      await untilReason(plane, 'kept', 'Expired');
      await lastOperator().kill();
      await plane.kubectl(['delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', 'no-deletion']);
      await installed().installation.startOperator();
      await untilNoAllocations(plane);
    });
    expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'release']);
  });

  /** Returns a policy that refuses every deletion of one claim. */
  function noDeletion(name: string) {
    const rule = {
      apiGroups: ['mac.rock-os.io'],
      apiVersions: ['*'],
      operations: ['DELETE'],
      resources: ['macallocations'],
    };
    const policy = {
      matchConstraints: { resourceRules: [rule] },
      matchConditions: [{ name: 'it', expression: `oldObject.metadata.name == '${name}'` }],
      validations: [{ expression: 'false' }],
    };
    const binding = { policyName: 'no-deletion', validationActions: ['Deny'] };
    const kinds = { ValidatingAdmissionPolicy: policy, ValidatingAdmissionPolicyBinding: binding };
    const items = Object.entries(kinds).map(([kind, spec]) => ({
      ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: 'no-deletion' } },
      spec,
    }));
    return { apiVersion: 'v1', kind: 'List', items };
  }

  test('a pod: mirror stored, pod deleted, ledger not written', async () => {
    const { plane } = installed();
    await create(podsWithAddresses(numbered(1, 'stepped', '05:71')));
    await waitUntilConsistent();
    const unlock = await lockRows('rock_mac.addresses');
    await plane.kubectl(['delete', 'pod', 'stepped-0', '--grace-period=0', '--force']);
    await waitUntil('the mirror is being deleted', async () => (await countDeleting()) > 0);
    await killOperator();
    await unlock();
    expect(await stateOf('a4:58:0f:05:71:00')).toBe('active');
    await installed().installation.startOperator();
    await untilNoAllocations(plane);
    expect(await stateOf('a4:58:0f:05:71:00')).toBe('released');
    await replaceOperator();
    await waitUntilConsistent();
  });

  async function countDeleting(): Promise<number> {
    const path = '{.items[*].metadata.deletionTimestamp}';
    const text = await installed().plane.kubectl(['get', 'macallocations', '-o', `jsonpath=${path}`]);
    return text.trim() === '' ? 0 : text.trim().split(' ').length;
  }
});

describe('I3, I8: after an outage of half a minute the operator handles all changes, and releases no address in use', () => {
  beforeEach(async () => {
    await installed().plane.kubectl([
      'delete',
      'pods,macallocations',
      '--all',
      '--wait=false',
      '--grace-period=0',
      '--force',
    ]);
    await untilNoAllocations(installed().plane);
    await create(podsWithAddresses(numbered(6, 'before', '05:72')));
    await create(aClaim('standing', { pool: 'vultr' }));
    await untilReason(installed().plane, 'standing', 'Allocated');
    await waitUntil('all mirrors', async () => (await shownAllocations(installed().plane)).length === 7);
    await waitUntilConsistent();
  });

  async function expectConverged(): Promise<void> {
    const want = ['before-2', 'before-3', 'before-4', 'before-5', 'claim', 'claim', 'during-0'];
    await waitUntil('exactly the pods and claims that exist have an address', async () => {
      const shown = await shownAllocations(installed().plane);
      return JSON.stringify(shown.map(({ spec }) => spec.consumerRef?.name ?? 'claim').sort()) === JSON.stringify(want);
    });
    await waitUntilConsistent();
  }

  test('an outage of Postgres', async () => {
    const { plane, ledgerProxy } = installed();
    await ledgerProxy.cut();
    await plane.kubectl(['delete', 'pod', 'before-0', 'before-1', '--grace-period=0', '--force']);
    await create(podsWithAddresses(numbered(1, 'during', '05:73')));
    await create(aClaim('asked', { pool: 'vultr' }));
    await wait(outageMs);
    expect(
      (await shownAllocations(plane)).find(({ metadata }) => metadata.name === 'asked')?.status?.mac,
    ).toBeUndefined();
    await ledgerProxy.heal();
    await expectConverged();
  });

  test('an outage of the API server', async () => {
    const { plane } = installed();
    await plane.kubectl(['delete', 'pod', 'before-0', 'before-1', '--grace-period=0', '--force', '--wait=false']);
    await create(podsWithAddresses(numbered(1, 'during', '05:73')));
    await create(aClaim('asked', { pool: 'vultr' }));
    await plane.apiServer.kill();
    await wait(outageMs);
    await plane.apiServer.start();
    await expectConverged();
  });

  test('an outage of both', async () => {
    const { plane, ledgerProxy } = installed();
    await ledgerProxy.cut();
    await plane.kubectl(['delete', 'pod', 'before-0', 'before-1', '--grace-period=0', '--force', '--wait=false']);
    await create(podsWithAddresses(numbered(1, 'during', '05:73')));
    await create(aClaim('asked', { pool: 'vultr' }));
    await plane.apiServer.kill();
    await wait(outageMs);
    await ledgerProxy.heal();
    await plane.apiServer.start();
    await expectConverged();
  });
});

/** Returns the lines of level error, which report bugs. A failure that is retried is a warning. */
function errorsIn(logFile: string): string[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"level":50'));
}

describe('I7: two operators whose leader changes every second for a minute', () => {
  test('do no work twice', async () => {
    const { plane, installation, ledger } = installed();
    await installation.startOperator();
    const names = Array.from({ length: 60 }, (_, index) => `flap-${String(index)}`);
    const lease = ['-n', 'rock-mac-system', 'lease', 'rock-mac-operator'];
    const other = { holderIdentity: 'nobody', leaseDurationSeconds: 1 };
    for (const name of names) {
      await create(aClaim(name, { pool: 'docker' }));
      // The leader loses the Lease to another holder. A second later, both operators can acquire it.
      await plane.kubectl(['patch', ...lease, '--type=merge', '-p', JSON.stringify({ spec: other })]);
      await wait(1_000);
    }
    await waitUntil('all allocated', async () => {
      const shown = await shownAllocations(plane);
      return (
        shown.filter(({ metadata, mac }) => names.includes(metadata.name) && mac !== undefined).length === names.length
      );
    });
    await plane.kubectl(['delete', 'pods,macallocations', '--all', '--wait=false', '--grace-period=0', '--force']);
    await untilNoAllocations(plane, 60_000);
    const actions = await ledger.query({
      text: `select action, count(*)::int as count, count(distinct (mac_address, generation))::int as owners
             from rock_mac.audit_log where owner like '%flap-%' group by 1 order by 1`,
      values: [],
      row: z.object({ action: z.string(), count: z.number(), owners: z.number() }),
    });
    expect(actions).toEqual([
      { action: 'allocate', count: 60, owners: 60 },
      { action: 'release', count: 60, owners: 60 },
    ]);
    for (const operator of installation.operators.slice(-2)) expect(errorsIn(operator.logFile)).toEqual([]);
  });
});
