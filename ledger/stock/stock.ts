import { z } from 'zod';
import type { AddressRef } from '../address/address-ref.ts';
import { addrSchema } from '../address/owner.ts';
import { storableText } from '../column-schemas.ts';
import { inSteps } from '../connection/in-steps.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** A process of a webhook that has a stock, and the pod that it runs in. */
export interface StockHolder {
  readonly clusterId: string;
  /** Random for each process, so that a restarted one is another holder. */
  readonly id: string;
  readonly podName: string;
  readonly podUid: string;
}

export interface FillRequest {
  readonly pool: string;
  /** How many addresses are wanted. The ledger may give fewer, or none. */
  readonly count: number;
  /** A random id. A repeated request with the same id gets the same addresses. */
  readonly fillId: string;
  /** The ticket of the cluster, if the ledger should check it. */
  readonly ticket: string | undefined;
  readonly actor: string;
}

/**
 * The ledger sets at most this many addresses aside in one call: a fill delays allocations by some milliseconds, and an asynchronous
 * failover that loses several fills must not lose more than its replication gap.
 */
export const MAX_FILL = 128;

/** A recovery sets stock aside. It belongs to its holder until that has dropped it. */
const IS_STOCK = `(a.state = 'stocked' or rock_mac.is_set_aside(a))`;

const stockedRow = z.object({ addr: addrSchema, generation: z.int(), key: storableText(600) });

function refOf({ addr, generation, key }: z.infer<typeof stockedRow>): AddressRef {
  return { mac: addr, generation, key };
}

/**
 * Sets addresses of a pool aside for a holder, which must have called `checkStock` before. Returns none where there is too little
 * left in the pool, and where the pool is paused or limited for each namespace.
 */
export async function fillStock(
  db: Queryable,
  { clusterId, id }: Pick<StockHolder, 'clusterId' | 'id'>,
  { pool, count, fillId, ticket, actor }: FillRequest,
): Promise<readonly AddressRef[]> {
  const rows = await db.query({
    text: `select addr, generation, key from rock_mac.fill_stock($1, $2, $3, $4, $5, $6, $7)`,
    values: [clusterId, id, pool, Math.min(count, MAX_FILL), fillId, ticket ?? null, actor],
    row: stockedRow,
  });
  return rows.map(refOf);
}

export interface StockedAddress extends AddressRef {
  /** Whether the holder may answer with it. Otherwise it returns the address. */
  readonly isUsable: boolean;
}

/** Reports that a holder lives, and returns the addresses of its stock. It drops whatever it has besides them. */
export async function checkStock(
  db: Queryable,
  { clusterId, id, podName, podUid }: StockHolder,
  ticket: string | undefined,
): Promise<readonly StockedAddress[]> {
  const rows = await db.query({
    text: `select addr, generation, key, usable from rock_mac.check_stock($1, $2, $3, $4, $5)`,
    values: [clusterId, id, podName, podUid, ticket ?? null],
    row: stockedRow.extend({ usable: z.boolean() }),
  });
  return rows.map((row) => ({ ...refOf(row), isUsable: row.usable }));
}

/** Returns the epoch of the ledger. What a check returns after that is at least of this epoch. */
export async function stockEpoch(db: Queryable): Promise<number> {
  const { epoch } = await queryOne(db, {
    text: `select epoch from rock_mac.ledger_state`,
    values: [],
    row: z.object({ epoch: z.int() }),
  });
  return epoch;
}

/**
 * Reports that a holder has dropped what its check did not return. `epoch` was read before the check. What a recovery has set
 * aside can then come back. Changes nothing if the ledger has recovered again since.
 */
export async function dropStock(db: Queryable, { clusterId, id, podName }: StockHolder, epoch: number): Promise<void> {
  await inSteps(db, {
    text: `select rock_mac.drop_stock($1, $2, $3, $4) as count`,
    values: [clusterId, id, epoch, podName],
  });
}

/**
 * Sets the stock of all webhooks aside while the ledger recovers. The ledger opens afterwards, if it waits for nothing else. Does
 * nothing in any other state.
 */
export async function setStockAside(db: Queryable, actor: string): Promise<void> {
  await inSteps(db, { text: `select rock_mac.set_stock_aside($1) as count`, values: [actor] });
}

/** The stock of one process in one pool. */
export interface StockInPool {
  readonly holder: StockHolder;
  readonly pool: string;
  readonly count: number;
  /** Increases from one started process to the next, whatever the clock of the ledger does. */
  readonly sequence: number;
  readonly startedAt: Date;
  /** When the holder last reported that it lives. */
  readonly seenAt: Date;
}

/**
 * Returns the stocks of a cluster, or of all clusters, with what a recovery has set aside of them and their holders still have to
 * drop. The number of addresses of a holder without any is 0, and the pool ''.
 */
export async function listStock(db: Queryable, clusterId?: string): Promise<readonly StockInPool[]> {
  const rows = await db.query({
    text: `select h.cluster_id, h.holder, h.pod_name, h.pod_uid, h.sequence, h.started_at, h.seen_at, coalesce(p.name, '') as pool, count(a.addr)::int as count
           from rock_mac.stock_holders h
           left join rock_mac.addresses a on a.owner_uid = h.holder and a.cluster_id = h.cluster_id and ${IS_STOCK}
           left join rock_mac.pools p using (pool_id)
           where $1::text is null or h.cluster_id = $1
           group by h.cluster_id, h.holder, p.name order by h.cluster_id, h.pod_name, h.sequence, p.name`,
    values: [clusterId ?? null],
    row: z.object({
      cluster_id: z.string(),
      holder: z.string(),
      pod_name: z.string(),
      pod_uid: z.string(),
      sequence: z.int(),
      started_at: z.date(),
      seen_at: z.date(),
      pool: z.string(),
      count: z.int(),
    }),
  });
  return rows.map((row) => ({
    holder: { clusterId: row.cluster_id, id: row.holder, podName: row.pod_name, podUid: row.pod_uid },
    pool: row.pool,
    count: row.count,
    sequence: row.sequence,
    startedAt: row.started_at,
    seenAt: row.seen_at,
  }));
}

/**
 * Returns the addresses of a holder's stock, and those that a recovery has set aside and that the holder has not dropped yet. In the
 * order of the addresses.
 */
export async function stockOf(
  db: Queryable,
  { clusterId, id }: Pick<StockHolder, 'clusterId' | 'id'>,
): Promise<readonly AddressRef[]> {
  const rows = await db.query({
    text: `select a.addr, a.generation, a.holder_key as key from rock_mac.addresses a
           where a.owner_uid = $2 and a.cluster_id = $1 and ${IS_STOCK} order by a.addr`,
    values: [clusterId, id],
    row: stockedRow,
  });
  return rows.map(refOf);
}

/** Counts the addresses of a pool that a recovery has set aside, and that their holders have not dropped yet. */
export async function undroppedStock(db: Queryable, pool: string): Promise<number> {
  const { count } = await queryOne(db, {
    text: `select count(*) from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where p.name = $1 and a.state = 'orphaned' and rock_mac.is_set_aside(a) and a.owner_uid is not null`,
    values: [pool],
    row: z.object({ count: z.int() }),
  });
  return count;
}
