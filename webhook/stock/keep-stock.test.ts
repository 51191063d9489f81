import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { numberToMac } from '../../mac/mac-address.ts';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { createStockKeeper } from './keep-stock.ts';
import { createStock, type StockRequest } from './stock.ts';

const POOL = 'kubernetes';

/** A ledger that sets aside what it is asked for, remembers who got it, and can be away. */
function start({ most = 1_000 }: { most?: number } = {}) {
  const clock = createManualClock();
  const ledger = {
    isAway: false,
    noReports: false,
    losesFills: false,
    stocked: [] as number[],
    filled: new Map<unknown, number[]>(),
    assigned: 0,
    returned: 0,
    fills: 0,
    epoch: 1,
    dropped: [] as number[],
  };
  const pod = { exists: true };
  let next = 1;
  let fillIds = 0;
  const setAside = (wanted: number) => {
    const added = Array.from({ length: Math.min(wanted, most - ledger.stocked.length) }, () => next++);
    ledger.stocked.push(...added);
    return added;
  };
  const query = (statement: { text: string; values: readonly unknown[] }) => {
    if (ledger.isAway) return Promise.reject(new LedgerError('LEDGER_UNAVAILABLE', 'away'));
    if (statement.text.includes('ledger_state')) return Promise.resolve([{ epoch: ledger.epoch }]);
    const called = /rock_mac\.(\w+_stock)/.exec(statement.text)?.[1];
    const items = () => JSON.parse(String(statement.values[0])) as { addr: number }[];
    const remove = () => {
      const gone = items().map(({ addr }) => addr);
      ledger.stocked = ledger.stocked.filter((addr) => !gone.includes(addr));
      return gone.length;
    };
    const row = (addr: number) => ({ addr: numberToMac(addr), generation: 1, key: `stock/${String(addr)}` });
    switch (called) {
      case 'check_stock':
        return Promise.resolve(ledger.stocked.map((addr) => ({ ...row(addr), usable: true })));
      case 'fill_stock': {
        ledger.fills++;
        const fillId = statement.values[4];
        const added = ledger.filled.get(fillId) ?? setAside(Number(statement.values[3]));
        ledger.filled.set(fillId, added);
        if (ledger.losesFills) return Promise.reject(new LedgerError('LEDGER_UNAVAILABLE', 'connection lost'));
        return Promise.resolve(added.map(row));
      }
      case 'drop_stock':
        ledger.dropped.push(Number(statement.values[2]));
        return Promise.resolve([{ count: 0 }]);
      case 'assign_stock': {
        if (ledger.noReports) return Promise.reject(new LedgerError('LEDGER_READ_ONLY', 'no standby'));
        const outcomes = items().map(() => ({ outcome: 'assigned' }));
        ledger.assigned += remove();
        return Promise.resolve(outcomes);
      }
      case 'return_stock': {
        const outcomes = items().map(() => ({ outcome: 'returned' }));
        ledger.returned += remove();
        return Promise.resolve(outcomes);
      }
      default:
        throw new Error(`unexpected statement: ${statement.text}`);
    }
  };
  const stock = createStock({ coverMs: 60_000, now: () => clock.now() });
  const keeper = createStockKeeper({
    stock,
    ledger: { query } as unknown as Queryable,
    holder: { clusterId: 'c', id: 'h', podName: 'webhook-1', podUid: 'u' },
    ticket: () => undefined,
    podExists: () => Promise.resolve(pod.exists),
    leaseSeconds: 120,
    newFillId: () => String(fillIds++),
    clock,
    logger: pino({ enabled: false }),
  });
  const seconds = async (count: number) => {
    for (let second = 0; second < count; second++) {
      await clock.advance(1_000);
      await keeper.exchange().catch(() => undefined);
    }
  };
  return { clock, ledger, pod, stock, keeper, seconds };
}

function podNamed(name: string): StockRequest {
  return {
    pool: POOL,
    namespace: name,
    interfaces: [
      {
        isOfThisRequest: false,
        answer: {
          boundKey: `named/${name}`,
          owner: { clusterId: 'c', kind: 'Pod', namespace: name, name, nic: 'eth0' },
          requester: 'ann',
          reason: 'admission',
        },
      },
    ],
  };
}

test('the first pod of a pool asks the ledger, and those of some seconds later are answered from stock', async () => {
  const { stock, seconds } = start();
  expect(stock.take(podNamed('a'))).toBeUndefined();
  await seconds(8);
  expect(stock.take(podNamed('b'))).toHaveLength(1);
});

test('the ledger hears of an answer within three seconds', async () => {
  const { stock, ledger, seconds } = start();
  stock.take(podNamed('a'));
  await seconds(8);
  stock.take(podNamed('b'));
  await seconds(3);
  expect(ledger.assigned).toBe(1);
});

test('answers of an outage are reported when it is over', async () => {
  const { stock, ledger, seconds } = start();
  stock.take(podNamed('a'));
  await seconds(8);
  ledger.isAway = true;
  for (let minute = 0; minute < 5; minute++) {
    expect(stock.take(podNamed(String(minute)))).toHaveLength(1);
    await seconds(60);
  }
  expect(ledger.assigned).toBe(0);
  ledger.isAway = false;
  await seconds(1);
  expect(ledger.assigned).toBe(5);
});

test('a process whose pod is gone answers nothing from stock while the ledger is away', async () => {
  const { stock, ledger, pod, seconds } = start();
  stock.take(podNamed('a'));
  await seconds(8);
  pod.exists = false;
  ledger.isAway = true;
  await seconds(15);
  expect(stock.take(podNamed('b'))).toBeUndefined();
});

test('a pool with too little left is asked once a minute', async () => {
  const { stock, ledger, seconds } = start({ most: 3 });
  stock.take(podNamed('a'));
  await seconds(50);
  expect(ledger.fills).toBe(1);
  await seconds(60);
  expect(ledger.fills).toBe(2);
});

test('a fill whose response was lost is repeated, so its addresses are used', async () => {
  const { stock, ledger, seconds } = start();
  ledger.losesFills = true;
  stock.take(podNamed('a'));
  await seconds(1);
  ledger.losesFills = false;
  await seconds(20);
  expect(ledger).toMatchObject({ fills: 2, returned: 0 });
  expect(ledger.stocked).toHaveLength(64);
  expect(stock.take(podNamed('b'))).toMatchObject([{ key: 'stock/1' }]);
});

test('at its end a process reports all answers, and returns the rest', async () => {
  const { stock, ledger, keeper, seconds } = start();
  stock.take(podNamed('a'));
  await seconds(8);
  stock.take(podNamed('b'));
  await keeper.close();
  expect(ledger).toMatchObject({ assigned: 1, returned: 63, stocked: [] });
});

test('a process says once in each epoch that it has dropped what is no stock any more', async () => {
  const { ledger, seconds } = start();
  await seconds(60);
  expect(ledger.dropped).toEqual([1]);
  ledger.epoch = 2;
  await seconds(16);
  expect(ledger.dropped).toEqual([1, 2]);
});

test('while no answer can be reported, the stock is checked and filled all the same', async () => {
  const { stock, ledger, seconds } = start();
  stock.take(podNamed('a'));
  await seconds(8);
  ledger.noReports = true;
  stock.take(podNamed('b'));
  await seconds(3);
  // A failover has lost everything.
  ledger.stocked = [];
  await seconds(30);
  expect(stock.take(podNamed('c'))).toMatchObject([{ key: 'stock/65' }]);
});
