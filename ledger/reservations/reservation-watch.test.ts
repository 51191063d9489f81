import { expect, test } from 'vitest';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import type { HeldAddress } from './reservation.ts';
import { type AddressChange, createReservationWatch } from './reservation-watch.ts';

const A = mac('a4:58:0f:00:00:01');
const POD = mac('a4:58:0f:00:00:02');

function held(address: MacAddress, metadata: Record<string, unknown>): HeldAddress {
  return { mac: address, pool: 'p', state: 'active', metadata };
}

/** A ledger in memory whose audit has entries that the test adds. */
function ledger(options: { readonly audited?: boolean } = {}) {
  const state = {
    addresses: [held(A, { ip: '192.0.2.7' }), held(POD, {})] as HeldAddress[],
    audit: [] as AddressChange[],
    lists: 0,
    fails: false,
    nowMs: 0,
  };
  const source = {
    list: () => {
      if (state.fails) return Promise.reject(new Error('away'));
      state.lists++;
      return Promise.resolve(state.addresses);
    },
    lastChange: () => Promise.resolve(options.audited === false ? undefined : (state.audit.at(-1)?.id ?? 0)),
    changesAfter: (id: number, limit: number) =>
      Promise.resolve(state.audit.filter((change) => change.id > id).slice(0, limit)),
  };
  return { state, watch: createReservationWatch(source, () => state.nowMs) };
}

test('the first call lists, and the next ones only after a change that matters', async () => {
  const { state, watch } = ledger();
  expect(await watch.next()).toHaveLength(2);
  expect(await watch.next()).toBeUndefined();
  state.audit.push({ id: 1, mac: POD, details: { namespace: 'shop' } }, { id: 2, mac: POD, details: {} });
  expect(await watch.next()).toBeUndefined();
  state.audit.push({ id: 3, mac: A, details: {} });
  expect(await watch.next()).toHaveLength(2);
  state.audit.push({ id: 4, mac: POD, details: { metadata: { hostname: 'web-1' } } });
  expect(await watch.next()).toHaveLength(2);
  expect(await watch.next()).toBeUndefined();
  expect(state.lists).toBe(3);
});

test('more changes than one request returns are all read before the list', async () => {
  const { state, watch } = ledger();
  await watch.next();
  state.audit.push(...Array.from({ length: 2_500 }, (_, index) => ({ id: index + 1, mac: A, details: {} })));
  expect(await watch.next()).toBeDefined();
  expect(await watch.next()).toBeUndefined();
  expect(state.lists).toBe(2);
});

test('a change is not lost if the list fails after it was seen', async () => {
  const { state, watch } = ledger();
  await watch.next();
  state.audit.push({ id: 1, mac: A, details: {} });
  state.fails = true;
  await expect(watch.next()).rejects.toThrow('away');
  state.fails = false;
  expect(await watch.next()).toBeDefined();
});

test('an entry of a transaction that was still at work at the first list is noticed', async () => {
  const { state, watch } = ledger();
  state.audit.push({ id: 8, mac: POD, details: {} });
  await watch.next();
  state.audit.unshift({ id: 7, mac: A, details: {} });
  expect(await watch.next()).toBeDefined();
});

test('the addresses are listed every minute, and more often where the audit cannot be read', async () => {
  const audited = ledger();
  await audited.watch.next();
  audited.state.nowMs = 59_000;
  expect(await audited.watch.next()).toBeUndefined();
  audited.state.nowMs = 60_000;
  expect(await audited.watch.next()).toBeDefined();

  const unaudited = ledger({ audited: false });
  await unaudited.watch.next();
  unaudited.state.nowMs = 4_000;
  expect(await unaudited.watch.next()).toBeUndefined();
  unaudited.state.nowMs = 5_000;
  expect(await unaudited.watch.next()).toBeDefined();
});
