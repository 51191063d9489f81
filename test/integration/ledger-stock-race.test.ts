import { escapeIdentifier } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { release } from '../../ledger/address/release.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { isLedgerError, sqlState } from '../../ledger/errors.ts';
import { endObservations } from '../../ledger/observation/observations.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { recover } from '../../ledger/state/recovery.ts';
import { assignStock, returnStock } from '../../ledger/stock/leave-stock.ts';
import { checkStock, fillStock, type StockHolder, stockOf } from '../../ledger/stock/stock.ts';
import { type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { randomFrom } from '../doubles/seeded-random.ts';
import { auditAndTable, replay } from './ledger-audit-replay.ts';
import { aPodRequest, findingsExceptClock, joinCluster, LEASE_SECONDS, ledgerOfThisFile } from './ledger-fixture.ts';

/* Many concurrent connections: webhooks with stocks, webhooks without, and operators. */
const ledger = ledgerOfThisFile();
const by = { actor: 'test', reason: 'test' };
const FIRST = 0xa4_58_0f_05_00_00;
/** The pool is small, so that all its addresses have been used, and the queue of released ones is where all meet. */
const SIZE = 640;
let db: LedgerClient;

beforeAll(async () => {
  const { url, sql, advance } = ledger.current;
  await sql(`alter database ${escapeIdentifier(new URL(url).pathname.slice(1))} set deadlock_timeout = '50ms'`);
  db = openLedger({ url, applicationName: 'race', max: 8, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000 });
  await joinCluster(db, 'c1');
  await sql(`update rock_mac.pools set last = first + ${String(SIZE - 1)} where name = 'kubernetes'`);
  const requests = Array.from({ length: SIZE }, (_, n) => aPodRequest(`first-${String(n)}`));
  const used = await allocate(db, 'kubernetes', requests, { leaseSeconds: LEASE_SECONDS });
  const refs = used.flatMap((each, n) =>
    each.outcome === 'allocated' ? [{ mac: each.mac, generation: each.generation, key: requests[n]?.key ?? '' }] : [],
  );
  await release(db, refs, by);
  await advance(3_601);
});
afterAll(() => db.close());

/** Retries what another transaction was in the way of. All other errors are thrown, above all deadlocks. */
async function patient<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const state = isLedgerError(error) ? sqlState(error.cause) : undefined;
    if (state !== '55P03' && state !== '23505') throw error; // a lock that timed out; a key that another one took
    return patient(run);
  }
}

/** The pods of the cluster by their addresses: what the API server has stored. */
const pods = new Map<MacAddress, string>();

function create(pod: string, mac: MacAddress): void {
  const other = pods.get(mac);
  if (other !== undefined) throw new Error(`${pod} got ${mac}, which ${other} has`);
  pods.set(mac, pod);
}

function podOf(name: string) {
  return { clusterId: 'c1', kind: 'Pod', namespace: 'team', name, nic: 'eth0' };
}

/** The operator binds a stored pod, which has a token, whatever the row is by then. */
async function bindPod(mac: MacAddress, pod: string): Promise<void> {
  const owner = { ...podOf(pod), uid: `uid of ${pod}` };
  const bound = { mac, boundKey: boundKey({ ...owner, mac }), owner, requester: 'ada' };
  for (let tries = 0; tries < 20; tries++) {
    const row = await patient(() => findByMac(db, mac));
    const [result] = await patient(() => bind(db, [{ ...bound, key: row?.key ?? '' }], 'operator'));
    if (result?.outcome === 'bound') return;
  }
  throw new Error(`${mac} could not be bound to ${pod}`);
}

/** The pod is gone, and the operator releases its address. */
async function end(mac: MacAddress): Promise<void> {
  const row = await patient(() => findByMac(db, mac));
  pods.delete(mac);
  if (row !== undefined) await patient(() => release(db, [row], by));
}

function holder(id: string): StockHolder {
  return { clusterId: 'c1', id, podName: `webhook-${id}`, podUid: `uid of ${id}` };
}

/** A webhook answers from its stock, reports that to the ledger while the operator binds, and returns some of it. */
async function answerFromStock(id: string, rounds: number): Promise<void> {
  const random = randomFrom(Number(id));
  const me = holder(id);
  let stock: AddressRef[] = [];
  for (let round = 0; round < rounds; round++) {
    const found = await patient(() => checkStock(db, me, undefined));
    const usable = new Set(found.filter(({ isUsable }) => isUsable).map(({ key }) => key));
    const unusable = found.filter(({ isUsable }) => !isUsable);
    stock = stock.filter(({ key }) => usable.has(key));
    if (unusable.length > 0) await patient(() => returnStock(db, unusable, { ...by, unused: true }));
    const request = { pool: 'kubernetes', count: 12, fillId: `${id}-${String(round)}`, ticket: undefined, actor: 'w' };
    stock.push(...(await patient(() => fillStock(db, me, request))));
    const answered = stock.splice(0, Math.floor(random() * 8)).map((address, n) => {
      const pod = `pod-${id}-${String(round)}-${String(n)}`;
      create(pod, address.mac);
      return { ...address, pod };
    });
    const assignments = answered.map(({ pod, ...address }) => ({
      ...{ ...address, boundKey: `named/${pod}`, owner: podOf(pod) },
      ...{ requester: 'ada', reason: 'from stock' },
    }));
    const options = { leaseSeconds: LEASE_SECONDS, actor: 'webhook' };
    await Promise.all([
      patient(() => assignStock(db, assignments, options)),
      ...answered.map(({ mac, pod }) => bindPod(mac, pod)),
    ]);
    const rest = stock.splice(0, 3);
    await Promise.all([
      patient(() => returnStock(db, rest, { ...by, unused: true })),
      ...answered.slice(0, 4).map(({ mac }) => end(mac)),
    ]);
  }
}

/** A webhook without a stock. */
async function allocateForPods(id: string, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const names = Array.from({ length: 4 }, (_, n) => `plain-${id}-${String(round)}-${String(n)}`);
    const requests = names.map((name) => aPodRequest(name));
    const results = await patient(() => allocate(db, 'kubernetes', requests, { leaseSeconds: LEASE_SECONDS }));
    const got = results.flatMap((each, n) =>
      each.outcome === 'allocated' ? [{ mac: each.mac, pod: names[n] ?? '' }] : [],
    );
    for (const { mac, pod } of got) create(pod, mac);
    await Promise.all(got.map(({ mac, pod }) => bindPod(mac, pod)));
    await Promise.all(got.slice(0, 3).map(({ mac }) => end(mac)));
  }
}

/** Objects elsewhere use addresses of the pool, and the operator asks for them. */
async function stray(id: string, rounds: number): Promise<void> {
  const random = randomFrom(Number(id));
  for (let round = 0; round < rounds; round++) {
    const mac = numberToMac(FIRST + Math.floor(random() * SIZE));
    const object = { ...podOf(`stray-${id}`), uid: `stray ${id}` };
    await patient(() => observe(db, [{ mac, object, limited: false }], 'operator'));
    const other = {
      mac: numberToMac(macToNumber(mac) === FIRST ? FIRST + 1 : FIRST),
      key: `object/${id}-${String(round)}`,
    };
    if (round % 8 === 0 && !pods.has(other.mac)) {
      const item = { ...other, owner: { ...object, uid: other.key }, requester: 'operator' };
      const [adopted] = await patient(() => adopt(db, [item], 'operator'));
      if (adopted?.outcome === 'adopted')
        await patient(() => release(db, [{ ...other, generation: adopted.generation }], by));
    }
    await patient(() => endObservations(db, [{ mac, object }]));
  }
}

/** The operator takes a holder for dead that has a stock and does not answer. */
async function reclaim(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const dead = holder(`dead-${String(round)}`);
    await patient(() => checkStock(db, dead, undefined));
    const request = { pool: 'kubernetes', count: 4, fillId: dead.id, ticket: undefined, actor: 'w' };
    await patient(() => fillStock(db, dead, request));
    const left = await stockOf(db, dead);
    await patient(() => returnStock(db, left, { ...by, unused: false }));
    expect(await stockOf(db, dead)).toEqual([]);
  }
}

test('at once: fills, checks, answers, bindings, returns, allocations, strays and reclaims give each address one owner', async () => {
  const work = [
    ...['1', '2', '3'].map((id) => answerFromStock(id, 25)),
    ...['4', '5'].map((id) => allocateForPods(id, 25)),
    ...['6', '7'].map((id) => stray(id, 60)),
    reclaim(25),
  ];
  await Promise.all(work);
  expect(pods.size).toBeGreaterThan(50);
  for (const [mac, pod] of pods) {
    expect(await findByMac(db, mac)).toMatchObject({ state: 'active', owner: podOf(pod) });
  }
  expect(await findingsExceptClock(db)).toEqual([]);
  const { entries, table } = await auditAndTable(db);
  expect(replay(entries)).toEqual(table);
});

test('a recovery, and the end of a cluster, beside everything that changes stock leave no stock behind', async () => {
  const ended = { value: false };
  const unlessEnded = async (run: () => Promise<unknown>) => {
    while (!ended.value) {
      await patient(run).catch((error: unknown) => {
        const isClosed = isLedgerError(error) && error.code === 'LEDGER_READ_ONLY';
        if (!isClosed) throw error;
      });
    }
  };
  const work = ['8', '9', '10'].map((id) => {
    const me = holder(id);
    let round = 0;
    return unlessEnded(async () => {
      await checkStock(db, me, undefined);
      const request = {
        pool: 'kubernetes',
        count: 6,
        fillId: `${id}/${String(round++)}`,
        ticket: undefined,
        actor: 'w',
      };
      const [one, two, three] = await fillStock(db, me, request);
      const answer = {
        boundKey: `named/${id}-${String(round)}`,
        owner: podOf(`p-${id}`),
        requester: 'ada',
        reason: '',
      };
      const options = { leaseSeconds: LEASE_SECONDS, actor: 'webhook' };
      if (one !== undefined) await patient(() => assignStock(db, [{ ...one, ...answer }], options));
      if (two !== undefined)
        await bind(db, [{ ...two, boundKey: two.key, owner: { ...podOf('b'), uid: 'u' }, requester: 'ada' }], 'op');
      if (three !== undefined) await returnStock(db, [three], { ...by, unused: true });
    });
  });
  const disasters = async () => {
    for (let epoch = 1; epoch < 6; epoch++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await ledger.current.sql(`update rock_mac.ledger_state set timeline = 'before'`);
      expect(await patient(() => recover(db, { expected: epoch, actor: 'operator' }))).toBe(epoch + 1);
      const stocked = await ledger.current.sql(`select from rock_mac.addresses where state = 'stocked'`);
      expect(stocked).toEqual([]);
      await ledger.current.sql(`update rock_mac.clusters set reported_epoch = $1`, [epoch + 1]);
      await ledger.current.sql(`update rock_mac.ledger_state set mode = 'open'`);
    }
    await patient(() => retireCluster(db, 'c1', 'test'));
    ended.value = true;
  };
  await Promise.all([...work, disasters()]);
  const held = await ledger.current.sql(
    `select state, count(*)::int from rock_mac.addresses where cluster_id = 'c1' and state not in ('released', 'orphaned') group by 1`,
  );
  expect(held).toEqual([]);
  expect(await findingsExceptClock(db)).toEqual([]);
});
