import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { ledgerHeadOf } from '../../ledger/state/ledger-head.ts';
import { recoverIfNeeded } from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { createLedgerHeadStore, type LedgerHeadStore } from '../../operator/ledger-state/ledger-head-store.ts';
import { sealAndAnchor } from '../../operator/ledger-state/seal-audit.ts';
import { createOperatorMetrics } from '../../operator/metrics/operator-metrics.ts';
import { type Fresh, freshNamespace, sharedKubectl, sharedTestEnv } from '../env/testing.ts';
import { aRequest, freshLedger, takeAddress, type TestLedger } from './ledger-fixture.ts';

let client: KubeClient;
let namespace: Fresh;
let ledger: TestLedger;
let store: LedgerHeadStore;
let logged: { readonly level: number; readonly problem?: string }[];
let count = 0;
const metrics = createOperatorMetrics();
const logger = pino({}, { write: (line) => void logged.push(JSON.parse(line) as (typeof logged)[number]) });

beforeAll(async () => {
  client = createKubeClient({ userAgent: 'test', kubeconfig: sharedTestEnv().kubeconfig, logger });
  namespace = await freshNamespace();
});
beforeEach(async () => {
  logged = [];
  ledger = await freshLedger();
  store = createStore(`head-${String(++count)}`);
  await takeAddress(ledger, aRequest({ key: 'first' }));
  await store.save(ledgerHeadOf(await ledgerState(ledger.db)));
  return () => ledger.close();
});
afterAll(async () => {
  await namespace.remove();
  await client.close();
});

function createStore(name: string): LedgerHeadStore {
  return createLedgerHeadStore({ client, namespace: namespace.name, name, logger });
}

const run = () => sealAndAnchor({ ledger: ledger.db, ledgerHeads: store, logger, metrics, now: () => new Date() });

const pastTheAudit = (statement: string) => `begin; set local session_replication_role = replica; ${statement}; commit`;

async function metric(name: string): Promise<number> {
  const line = (await metrics.registry.metrics()).split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

describe('the leading operator', () => {
  test('seals the audit and stores the last seal beside the ledger head', async () => {
    await run();
    expect(await store.readAnchors()).toMatchObject({ anchors: [{ epoch: 1, seq: 1, reached: 1 }] });
    await takeAddress(ledger, aRequest({ key: 'second' }));
    await run();
    expect(await store.readAnchors()).toMatchObject({ anchors: [{ epoch: 1, seq: 2, reached: 2 }] });
    expect(await createStore(`head-${String(count)}`).read()).toMatchObject({ epoch: 1, auditHead: 1 });
    expect(await metric('rockmac_audit_anchor_missing')).toBe(0);
    expect(await metric('rockmac_audit_seal_lag_seconds')).toBeLessThan(10);
    expect(logged).toEqual([]);
  });

  test('stores no anchor before the first ledger head, which says that the initial sync is done', async () => {
    store = createStore('no-head');
    await run();
    expect(await store.readAnchors()).toBeUndefined();
    expect(await ledger.sql('select seq::int from rock_mac.audit_seals')).toEqual([{ seq: 1 }]);
  });

  test('reports seals that were rewritten, and keeps the anchor', async () => {
    await run();
    const kept = await store.readAnchors();
    await ledger.sql(
      pastTheAudit(`update rock_mac.audit_log set login = 'mallory';
        update rock_mac.audit_seals set row_hashes = array(select rock_mac.audit_row_hash(l) from rock_mac.audit_log l);
        update rock_mac.audit_seals s set hash = rock_mac.seal_hash('', s)`),
    );
    await takeAddress(ledger, aRequest({ key: 'second' }));
    await run();
    expect(logged).toMatchObject([{ level: 50, problem: expect.stringContaining('has another hash') as string }]);
    expect(await metric('rockmac_audit_anchor_missing')).toBe(1);
    expect(await store.readAnchors()).toEqual(kept);
  });

  test('reports another identity of the ledger', async () => {
    await run();
    await ledger.sql(`update rock_mac.ledger_state set ledger_id = gen_random_uuid()`);
    await run();
    expect(logged).toMatchObject([{ level: 50, problem: expect.stringContaining('belong to ledger') as string }]);
  });

  test('does not overwrite anchors that it cannot read', async () => {
    const name = 'unreadable';
    const head = JSON.stringify(ledgerHeadOf(await ledgerState(ledger.db)));
    await sharedKubectl()([
      ...['-n', namespace.name, 'create', 'configmap', name],
      ...[`--from-literal=head.json=${head}`, '--from-literal=seals.json={many'],
    ]);
    store = createStore(name);
    await expect(run()).rejects.toThrow('seals.json in the ConfigMap unreadable is not readable');
  });

  test('says what a failover lost, and continues with the seals of the new epoch', async () => {
    await takeAddress(ledger, aRequest({ key: 'lost' }));
    await run();
    await ledger.sql(
      pastTheAudit(`delete from rock_mac.audit_seals; delete from rock_mac.audit_log where id = 2;
        delete from rock_mac.addresses where holder_key = 'lost'; update rock_mac.ledger_state set timeline = 'before'`),
    );
    await run();
    expect(await ledger.sql('select from rock_mac.audit_seals')).toEqual([]); // the recovery comes first
    await recoverIfNeeded(ledger.db, 'test');
    await run();
    expect(logged).toMatchObject([{ level: 40, problem: expect.stringContaining('lost 1 seal(s)') as string }]);
    expect(await store.readAnchors()).toMatchObject({
      anchors: [
        { epoch: 1, seq: 1 },
        { epoch: 2, seq: expect.any(Number) as number },
      ],
    });
    expect(await metric('rockmac_audit_anchor_missing')).toBe(0);
    await run();
    expect(logged).toHaveLength(1);
  });
});
