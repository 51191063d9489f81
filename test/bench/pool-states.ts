import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';

/** A pool in a state that could make its allocations slow. */
export interface PoolState {
  readonly name: string;
  readonly title: string;
  readonly size: number;
  /** SQL over `i`, the place in the pool: which places have a row, and in which state. */
  readonly used: string;
  readonly state: string;
  /** How many places are below the cursor. */
  readonly cursor: number;
}

const SIZE = 65_536;

/** Returns the states. `nearlyFull` is the size of the pool in which one place in ten thousand is free. */
export function poolStates(nearlyFull: number): readonly PoolState[] {
  const free = freePlaces(nearlyFull);
  const active = `'active'`;
  return [
    { name: 'empty', title: 'empty', size: SIZE, used: 'false', state: active, cursor: 0 },
    { name: 'half', title: 'half full', size: SIZE, used: `i < ${SIZE / 2}`, state: active, cursor: SIZE / 2 },
    {
      name: 'nearly',
      title: '99.99 % full',
      size: nearlyFull,
      used: `i < ${nearlyFull - free}`,
      state: active,
      cursor: nearlyFull - free,
    },
    { name: 'reusing', title: 'exhausted, reusing', size: SIZE, used: 'true', state: `'released'`, cursor: SIZE },
    {
      name: 'fragmented',
      title: 'fragmented, reusing',
      size: SIZE,
      used: 'true',
      state: `case when hashint8(i) % 2 = 0 then 'active' else 'released' end`,
      cursor: SIZE,
    },
    {
      name: 'alternate',
      title: 'every second reserved',
      size: SIZE,
      used: 'i % 2 = 1',
      state: `'reserved'`,
      cursor: 0,
    },
  ];
}

export const freePlaces = (nearlyFull: number) => Math.floor(nearlyFull / 10_000);

/** Defines the pools one after another and writes their rows without triggers, to avoid a million audit rows. */
export async function fillPools(db: LedgerClient, states: readonly PoolState[]): Promise<void> {
  let next = macToNumber(mac('a4:58:0f:40:00:00'));
  for (const { name, size, used, state, cursor } of states) {
    const first = next;
    next += size;
    const definition = { name, first: numberToMac(first), last: numberToMac(next - 1), description: '' };
    await definePool(db, { ...definition, autoReleaseSeconds: null, reuseDelaySeconds: 3_600 }, 'bench');
    // The queue order must not follow the address order.
    await db.connections.query(`
      begin;
      set local session_replication_role = replica;
      insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, device_type, allocated_at, changed_at,
                                      released_at, requester, actor)
      select ${first} + i, pool_id, state, 'allocate', 'fill/' || ${first} + i, 'vm-' || i, 'qemu-vm', now() - interval '90 days',
             now() - interval '60 days',
             case state when 'released' then now() - interval '2 hours' - abs(hashint8(i)) * interval '1 millisecond' end, 'ada', 'bench'
      from rock_mac.pools p, generate_series(0::bigint, ${size - 1}) i, lateral (select ${state}) s(state)
      where p.name = '${name}' and ${used};
      update rock_mac.pools set next_addr = first + ${cursor} where name = '${name}';
      commit`);
  }
  await db.connections.query('vacuum (analyze) rock_mac.addresses');
}

/** Refills a pool whose few free places were taken. */
export async function emptyAgain(db: LedgerClient, { name, cursor }: PoolState): Promise<void> {
  await db.connections.query(`
    begin;
    set local session_replication_role = replica;
    delete from rock_mac.addresses a using rock_mac.pools p where p.name = '${name}' and a.addr between p.first + ${cursor} and p.last;
    update rock_mac.pools set next_addr = first + ${cursor} where name = '${name}';
    commit`);
}
