import { expect, test } from 'vitest';
import { allocate } from '../../ledger/allocate.ts';
import { aRequest, freshLedger, take } from './ledger-fixture.ts';

/** Rows that statements of this session have read through indexes of `addresses` so far. */
const READ = `select pg_stat_force_next_flush(), sum(idx_tup_read)::int as rows from pg_stat_user_indexes
              where schemaname = 'rock_mac' and relname = 'addresses'`;

test('a connection that planned its statements on a small ledger reads no more rows when the ledger is large', async () => {
  const ledger = await freshLedger({ max: 1 });
  try {
    // Statistics that change would make it plan again; on a busy ledger that may take minutes.
    await ledger.sql('alter table rock_mac.addresses set (autovacuum_enabled = off)');
    for (let n = 0; n < 20; n++) {
      const group = Array.from({ length: 32 }, (_, i) => aRequest({ key: `early-${String(n)}-${String(i)}` }));
      await allocate(ledger.db, 'development', group, { leaseSeconds: 60 });
    }
    await ledger.sql(`
      insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, allocated_at, changed_at, requester, actor)
      select p.first + i, p.pool_id, 'active', 'allocate', 'fill/' || i, now(), now(), 'ada', 'test'
      from rock_mac.pools p, generate_series(0, 19999) i where p.name = 'vultr'`);
    const reads = async () => {
      await ledger.sql(READ);
      return Number((await ledger.sql(READ))[0]?.['rows']);
    };
    const before = await reads();
    for (let n = 0; n < 10; n++) await take(ledger, aRequest({ key: `late-${String(n)}` }));
    expect((await reads()) - before).toBeLessThan(200);
  } finally {
    await ledger.close();
  }
});
