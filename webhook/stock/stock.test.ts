import { expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { type MacAddress, numberToMac } from '../../mac/mac-address.ts';
import { createStock, type StockRequest } from './stock.ts';

const POOL = 'kubernetes';

function addresses(count: number, from = 0): AddressRef[] {
  return Array.from({ length: count }, (_, index) => ({
    mac: numberToMac(0xa4_58_0f_05_00_00 + from + index),
    generation: 1,
    key: `stock/f/${String(from + index)}`,
  }));
}

function usable(found: readonly AddressRef[]) {
  return found.map((address) => ({ ...address, isUsable: true }));
}

function podNamed(
  name: string,
  {
    interfaces = 1,
    namespace = 'web',
    copied,
  }: { interfaces?: number; namespace?: string; copied?: MacAddress | undefined } = {},
): StockRequest {
  return {
    pool: POOL,
    namespace,
    interfaces: Array.from({ length: interfaces }, (_, index) => ({
      copied,
      isOfThisRequest: false,
      answer: {
        boundKey: `named/${namespace}/${name}/${String(index)}`,
        owner: { clusterId: 'c', kind: 'Pod', namespace, name, nic: String(index) },
        requester: 'ann',
        reason: 'admission',
      },
    })),
  };
}

/** A stock of this many addresses that are checked and may be used. */
function stockOf(count: number) {
  const time = { ms: 1_000 };
  const stock = createStock({ coverMs: 3_600_000, now: () => time.ms });
  stock.add(POOL, addresses(count));
  time.ms += 6_000;
  stock.compare(usable(addresses(count)), time.ms);
  stock.confirm();
  return { stock, time };
}

function take(stock: ReturnType<typeof createStock>, request: StockRequest): readonly MacAddress[] | undefined {
  return stock.take(request)?.map(({ mac }) => mac);
}

test('every pod gets another address, in their order', () => {
  const { stock } = stockOf(3);
  const [first, second] = addresses(2).map(({ mac }) => mac);
  expect(take(stock, podNamed('a'))).toEqual([first]);
  expect(take(stock, podNamed('b'))).toEqual([second]);
});

test('a pod gets an address for all of its interfaces, or none', () => {
  const { stock } = stockOf(3);
  expect(take(stock, podNamed('a', { interfaces: 2 }))).toHaveLength(2);
  expect(take(stock, podNamed('b', { interfaces: 2 }))).toBeUndefined();
  expect(take(stock, podNamed('c'))).toHaveLength(1);
});

test('addresses are not used before a check of the ledger has found them again, five seconds later', () => {
  const time = { ms: 0 };
  const stock = createStock({ coverMs: 0, now: () => time.ms });
  stock.add(POOL, addresses(2));
  stock.confirm();
  expect(stock.compare(usable(addresses(2)), time.ms)).toEqual({ unused: [], unknown: [] });
  expect(take(stock, podNamed('a'))).toBeUndefined();
  expect(stock.isCheckDue()).toBe(false);
  time.ms += 5_000;
  expect(stock.isCheckDue()).toBe(true);
  // The failover in between has lost the second.
  stock.compare(usable(addresses(1)), time.ms);
  expect(take(stock, podNamed('a'))).toHaveLength(1);
  expect(take(stock, podNamed('b'))).toBeUndefined();
});

test('addresses that the ledger does not have any more are dropped, and those that may not be used are returned', () => {
  const { stock, time } = stockOf(4);
  const [, second, third] = addresses(4);
  const found = [second, third].flatMap((each) => each ?? []);
  const { unused, unknown } = stock.compare(
    found.map((address, index) => ({ ...address, isUsable: index === 0 })),
    time.ms,
  );
  expect(unused.map(({ key }) => key)).toEqual(['stock/f/2']);
  expect(unknown).toEqual([]);
  expect(take(stock, podNamed('a'))).toEqual([second?.mac]);
  expect(take(stock, podNamed('b'))).toBeUndefined();
});

test('addresses that the stock does not know are returned as ones that may have been used', () => {
  const { stock, time } = stockOf(1);
  const lost = addresses(2, 100);
  const { unused, unknown } = stock.compare(usable([...addresses(1), ...lost]), time.ms);
  expect(unused).toEqual([]);
  expect(unknown.map(({ key }) => key)).toEqual(lost.map(({ key }) => key));
});

test('an address that a pod got is never returned', () => {
  const { stock, time } = stockOf(2);
  stock.take(podNamed('a'));
  expect(stock.compare(usable(addresses(2)), time.ms)).toEqual({ unused: [], unknown: [] });
  expect(stock.empty().map(({ key }) => key)).toEqual(['stock/f/1']);
});

test('the ledger hears of an answer two seconds later, and of all at the end', () => {
  const { stock, time } = stockOf(2);
  stock.take(podNamed('a'));
  expect(stock.unreported()).toEqual([]);
  expect(stock.unreported('all')).toHaveLength(1);
  time.ms += 2_000;
  stock.take(podNamed('b'));
  const due = stock.unreported();
  expect(due).toMatchObject([{ ...addresses(1)[0], requester: 'ann', owner: { name: 'a' } }]);
  stock.reported(due);
  expect(stock.unreported('all')).toMatchObject([{ owner: { name: 'b' } }]);
});

test('a repeated review gets what the first one got, and a later pod of the same name does not', () => {
  const { stock, time } = stockOf(3);
  const [mac] = take(stock, podNamed('a')) ?? [];
  expect(stock.repeated(podNamed('a', { copied: mac }))).toMatchObject([{ mac }]);
  expect(stock.repeated(podNamed('a'))).toBeUndefined();
  expect(stock.repeated(podNamed('b', { copied: mac }))).toBeUndefined();
  expect(take(stock, podNamed('a'))).not.toEqual([mac]);
  time.ms += 40_000;
  expect(stock.repeated(podNamed('a', { copied: mac }))).toBeUndefined();
});

test('a holder that nobody has confirmed for a minute answers nothing', () => {
  const { stock, time } = stockOf(3);
  time.ms += 60_000;
  expect(take(stock, podNamed('a'))).toHaveLength(1);
  time.ms += 1;
  expect(take(stock, podNamed('b'))).toBeUndefined();
  stock.confirm();
  expect(take(stock, podNamed('b'))).toHaveLength(1);
});

test('one namespace cannot use up a stock that the ledger does not know', () => {
  const { stock } = stockOf(400);
  const got = Array.from({ length: 400 }, (_, index) => take(stock, podNamed(String(index)))).filter(Boolean);
  expect(got).toHaveLength(100);
  expect(take(stock, podNamed('a', { namespace: 'other' }))).toHaveLength(1);
  stock.reported(stock.unreported('all'));
  expect(take(stock, podNamed('last'))).toHaveLength(1);
});

test('a pool lacks what its pods ask for, and is filled in large steps', () => {
  const { stock, time } = stockOf(0);
  expect(stock.lacks()).toEqual([]);
  for (let index = 0; index < 100; index++) stock.take(podNamed(String(index)));
  time.ms += 1_800_000 - 6_000;
  const [lack] = stock.lacks();
  expect(lack).toEqual({ pool: POOL, count: 200 });
  // It goes on until it is full, and begins again when a quarter is missing.
  stock.add(POOL, addresses(160));
  time.ms += 5_000;
  stock.compare(usable(addresses(160)), time.ms);
  expect(stock.lacks()).toEqual([{ pool: POOL, count: 40 }]);
  stock.add(POOL, addresses(40, 160));
  time.ms += 5_000;
  stock.compare(usable(addresses(200)), time.ms);
  expect(stock.lacks()).toEqual([]);
});

test('a pool gets no more before the ledger has confirmed what it got last: a failover loses one fill at most', () => {
  const { stock, time } = stockOf(0);
  for (let index = 0; index < 100; index++) stock.take(podNamed(String(index)));
  const [first] = stock.lacks();
  stock.add(POOL, addresses(10));
  expect(stock.lacks()).toEqual([]);
  time.ms += 5_000;
  stock.compare(usable(addresses(10)), time.ms);
  expect(stock.lacks()).toEqual([{ pool: POOL, count: (first?.count ?? 0) - 10 }]);
});

test('the level says for how long the stock lasts', () => {
  const { stock } = stockOf(130);
  for (let index = 0; index < 30; index++) stock.take(podNamed(String(index), { namespace: String(index) }));
  expect(stock.levels()).toEqual([{ pool: POOL, ready: 100, coversMs: 200_000 }]);
});

test('a stock that is far too large after a quiet hour is returned, the addresses that were set aside first are kept', () => {
  const { stock, time } = stockOf(400);
  for (let index = 0; index < 200; index++) stock.take(podNamed(String(index), { namespace: String(index) }));
  expect(stock.takeSurplus()).toEqual([]);
  time.ms += 59 * 60_000;
  stock.confirm();
  stock.take(podNamed('one'));
  // The busiest minute is over, and an hour at the average rate needs about 200.
  expect(stock.takeSurplus()).toEqual([]);
  time.ms += 10 * 60_000;
  expect(stock.takeSurplus()).toHaveLength(199 - 64);
  stock.confirm();
  expect(take(stock, podNamed('two'))).toEqual([addresses(202)[201]?.mac]);
  time.ms += 3_600_000;
  expect(stock.takeSurplus()).toHaveLength(63);
  expect(stock.levels()).toEqual([]);
});
