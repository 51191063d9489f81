import { z } from 'zod';
import { ADDRESS_STATES } from '../../ledger/address/owner.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { inSnapshot } from '../../ledger/connection/snapshot.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';

/** The columns that the audit can restore. Changes by time only (leases, missing marks) have no audit row. */
const replayedRow = z.object({
  addr: z.int(),
  pool: z.string(),
  state: z.enum(ADDRESS_STATES),
  generation: z.int(),
  holder_key: z.string(),
  cluster_id: z.string().nullable(),
  owner_kind: z.string().nullable(),
  owner_namespace: z.string().nullable(),
  owner_name: z.string().nullable(),
  owner_uid: z.string().nullable(),
  owner_nic: z.string().nullable(),
  device_id: z.string().nullable(),
  device_type: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  kept: z.boolean(),
  consumer_key: z.string().nullable(),
  unreachable_node: z.string().nullable(),
  requester: z.string(),
});

type ReplayedRow = z.infer<typeof replayedRow>;

const entryRow = replayedRow.extend({
  id: z.int(),
  action: z.string(),
  state_before: z.enum(ADDRESS_STATES).nullable(),
});

type Entry = z.infer<typeof entryRow>;

/**
 * Reads the audit and the table in one snapshot. Between two separate reads, something may be committed: the server
 * completes the last statement of a killed client.
 */
export function auditAndTable(
  db: Pick<LedgerClient, 'transaction'>,
): Promise<{ entries: Entry[]; table: ReplayedRow[] }> {
  return inSnapshot(db, async (snapshot) => ({
    entries: await auditEntries(snapshot),
    table: await tableRows(snapshot),
  }));
}

/** Returns every audit row of an address, oldest first. */
function auditEntries(db: Queryable): Promise<Entry[]> {
  return db.query({
    text: `select id, action, rock_mac.to_addr(mac_address) as addr, pool, state_before, state, generation, holder_key, cluster_id,
             details->>'kind' as owner_kind, details->>'namespace' as owner_namespace, details->>'name' as owner_name,
             details->>'uid' as owner_uid, details->>'nic' as owner_nic, device_id, details->>'deviceType' as device_type,
             coalesce(details->'metadata', '{}') as metadata, coalesce((details->>'kept')::boolean, false) as kept,
             details->>'consumer' as consumer_key, details->>'unreachableNode' as unreachable_node,
             details->>'requester' as requester
           from rock_mac.audit_log where mac_address is not null and state is not null order by id`,
    values: [],
    row: entryRow,
  });
}

/** Returns the table in the same form. */
function tableRows(db: Queryable): Promise<ReplayedRow[]> {
  return db.query({
    text: `select a.addr, p.name as pool, a.state, a.generation, a.holder_key, a.cluster_id, a.owner_kind, a.owner_namespace,
             a.owner_name, a.owner_uid, a.owner_nic, a.device_id, a.device_type, a.metadata, a.kept_since is not null as kept,
             a.consumer_key, a.unreachable_node, a.requester
           from rock_mac.addresses a join rock_mac.pools p using (pool_id) order by a.addr`,
    values: [],
    row: replayedRow,
  });
}

/**
 * Replays the audit and returns the table that it describes, in the order of addresses. Throws if a row does not follow
 * from the previous one, or if a held address gets a second owner.
 */
export function replay(entries: readonly Entry[]): ReplayedRow[] {
  const table = new Map<number, ReplayedRow>();
  for (const { id, action, state_before: before, ...row } of entries) {
    const problem = brokenStep(table.get(row.addr), { action, before }, row);
    if (problem !== undefined) throw new Error(`audit row ${String(id)} of ${String(row.addr)}: ${problem}`);
    table.set(row.addr, row);
  }
  return [...table.values()].sort((a, b) => a.addr - b.addr);
}

function brokenStep(
  last: ReplayedRow | undefined,
  { action, before }: { readonly action: string; readonly before: string | null },
  next: ReplayedRow,
): string | undefined {
  if (last === undefined) return before === null && next.generation === 1 ? undefined : 'it has no beginning';
  if (before !== last.state) return `it was ${String(before)}, but the row before says ${last.state}`;
  if (next.generation === last.generation) return undefined;
  if (next.generation !== last.generation + 1)
    return `generation ${String(last.generation)} → ${String(next.generation)}`;
  if (isHandedOver(last, action, next)) return undefined;
  return isFree(last) ? undefined : `a second owner (${next.holder_key}) while ${last.holder_key} held it`;
}

function isFree({ state, kept }: ReplayedRow): boolean {
  return state === 'released' || state === 'orphaned' || kept;
}

function isHandedOver({ state, kept }: ReplayedRow, action: string, next: ReplayedRow): boolean {
  return action === 'transfer' && next.state === state && !kept;
}
