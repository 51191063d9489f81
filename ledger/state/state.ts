import { z } from 'zod';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { EXPIRY_HELD, type ExpiryHeld } from './clock.ts';

/** Reasons why a ledger hands out no addresses. */
export const CLOSED = [
  'read_only',
  'recovering',
  'paused',
  'timeline_changed',
  'system_changed',
  'not_durable',
] as const;
export type Closed = (typeof CLOSED)[number];

export interface LedgerState {
  readonly ledgerId: string;
  /** Increases by one at every recovery. */
  readonly epoch: number;
  readonly mode: 'open' | 'recovering' | 'paused';
  /** The promise for a failover. With one asynchronous standby, acknowledged allocations can be lost. */
  readonly durability: 'single' | 'quorum';
  /** Absent while the ledger hands out addresses. */
  readonly closed?: { readonly why: Closed; readonly message: string } | undefined;
  /** Absent while time may end leases, expiries and reuse delays. */
  readonly expiryHeld?: { readonly why: ExpiryHeld; readonly message: string } | undefined;
  /** Clusters that must still report their addresses in use. Empty unless the ledger is recovering. */
  readonly missingClusters: readonly { readonly clusterId: string; readonly name: string }[];
  /** It was restored from a backup and opens only after an admin approves. */
  readonly needsApproval: boolean;
  /** The id of its last audit row. */
  readonly auditHead: number;
  /**
   * The last audit row when this epoch began, and how many lost allocations its recovery covered. Without `coveredLosses`,
   * an admin decides.
   */
  readonly began: { readonly auditHead: number; readonly coveredLosses?: number | undefined };
  /** How many addresses of each pool a recovery sets aside, because they may have been handed out and forgotten. */
  readonly replicationGap: number;
}

const stateRow = z.object({
  ledger_id: z.string(),
  epoch: z.int(),
  mode: z.enum(['open', 'recovering', 'paused']),
  durability: z.enum(['single', 'quorum']),
  needs_approval: z.boolean(),
  closed: z.enum(CLOSED).nullable(),
  expiry_held: z.enum(EXPIRY_HELD).nullable(),
  clock_held_since: z.date().nullable(),
  clock_ahead_seconds: z.number().nullable(),
  missing_clusters: z.array(z.object({ clusterId: z.string(), name: z.string() })),
  audit_head: z.int(),
  began_at_audit_id: z.int(),
  covered_losses: z.int().nullable(),
  replication_gap: z.int(),
});

/** Returns the state of the ledger. If it is closed, includes the reason and the next step. */
export async function ledgerState(db: Queryable): Promise<LedgerState> {
  const row = await queryOne(db, {
    text: `select s.ledger_id, s.epoch, s.mode, s.durability, s.needs_approval, s.replication_gap, s.began_at_audit_id,
             s.covered_losses,
             case when pg_is_in_recovery() then 'read_only' else rock_mac.not_open() end as closed,
             rock_mac.expiry_held(), t.held_since as clock_held_since, extract(epoch from t.held_skew)::float8 as clock_ahead_seconds,
             coalesce((select jsonb_agg(jsonb_build_object('clusterId', c.cluster_id, 'name', c.name) order by c.name, c.cluster_id)
                       from rock_mac.clusters c
                       where s.mode = 'recovering' and c.adopted_at is not null and c.retired_at is null and c.reported_epoch < s.epoch), '[]') as missing_clusters,
             (select coalesce(max(l.id), 0) from rock_mac.audit_log l) as audit_head
           from rock_mac.ledger_state s, rock_mac.clock_trust t`,
    values: [],
    row: stateRow,
  });
  const state = {
    ledgerId: row.ledger_id,
    epoch: row.epoch,
    mode: row.mode,
    durability: row.durability,
    expiryHeld: expiryHeldOf(row),
    missingClusters: row.missing_clusters,
    needsApproval: row.needs_approval,
    auditHead: row.audit_head,
    began: { auditHead: row.began_at_audit_id, coveredLosses: row.covered_losses ?? undefined },
    replicationGap: row.replication_gap,
  };
  if (row.closed === null) return state;
  return { ...state, closed: { why: row.closed, message: closedMessage(row.closed, state) } };
}

type ClockColumns = Pick<z.infer<typeof stateRow>, 'expiry_held' | 'clock_held_since' | 'clock_ahead_seconds'>;

function expiryHeldOf({ expiry_held: why, ...held }: ClockColumns): LedgerState['expiryHeld'] {
  if (why === null) return undefined;
  const effect = 'So nothing expires, and no released address is handed out again';
  if (why === 'clock_unknown') {
    const cause = 'Most operators and webhooks have not confirmed the clock of the database in the last ten minutes.';
    return { why, message: `${cause} ${effect} until they do.` };
  }
  const minutes = Math.round((held.clock_ahead_seconds ?? 0) / 60);
  const cause = `The clock of the database was ${String(Math.abs(minutes))} minutes ${minutes < 0 ? 'behind' : 'ahead of'} the clocks of most operators and webhooks at ${held.clock_held_since?.toISOString() ?? 'some time'}.`;
  return { why, message: `${cause} ${effect}. Correct it, then run \`rock-mac recover --trust-clock\`.` };
}

const MESSAGES: Readonly<Record<Exclude<Closed, 'recovering'>, string>> = {
  read_only: 'This is a standby: point the ledger URL at the primary, or promote it.',
  paused: 'An admin has paused the ledger.',
  timeline_changed:
    'Postgres failed over or was restored: an operator starts the recovery automatically, or run `rock-mac recover`.',
  system_changed: 'The ledger was moved to another Postgres: run `rock-mac recover`.',
  not_durable:
    'The ledger is set to quorum, but Postgres has no synchronous standby: set synchronous_standby_names, or set the durability to single.',
};

/** Returns the cause and the next step, for conditions, errors and people. */
function closedMessage(why: Closed, state: Pick<LedgerState, 'missingClusters' | 'needsApproval'>): string {
  if (why !== 'recovering') return MESSAGES[why];
  const steps: string[] = [];
  if (state.missingClusters.length > 0) {
    const names = state.missingClusters.map(({ name }) => name).join(', ');
    steps.push(
      `it waits for the operator of ${names} (to continue without one: \`rock-mac recover --without CLUSTER\`)`,
    );
  }
  if (state.needsApproval)
    steps.push('it was restored from a backup and waits for an admin (`rock-mac recover --approve`)');
  return `The ledger is recovering from a failover or a restore: ${steps.length > 0 ? steps.join('; ') : 'it opens in a moment'}.`;
}
