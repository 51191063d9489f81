import { z } from 'zod';
import type { LedgerClient } from '../connection/connect.ts';
import { inSnapshot } from '../connection/snapshot.ts';
import { queryOne } from '../connection/statement.ts';
import { SCHEMA_BROKEN, SCHEMA_SETTINGS } from './check-schema.ts';

/** A broken rule. The program cannot cause one, but a superuser or a faulty disk can. */
export interface Finding {
  readonly rule: string;
  /** What must hold, and the possible consequence. */
  readonly explanation: string;
  /** Number of rows that break the rule. */
  readonly count: number;
  /** The first twenty of them. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

interface Rule {
  readonly rule: string;
  readonly explanation: string;
  /** Selects the rows that break the rule. */
  readonly broken: string;
}

const ROWS_SHOWN = 20;

/** How many draws of all random pools together are computed again, 8 µs each. Half of a larger number are the last draws, which a failover may lose. */
const DRAWS_CHECKED = 131_072;

export const RULES: readonly Rule[] = [
  {
    rule: 'guards-in-place',
    explanation:
      'Columns, constraints, indexes, triggers and functions exist, are in force, and match the migrations. Without them one address can get two owners, or change without an audit row. To compare, run `rock-mac migrate` on an empty database.',
    broken: SCHEMA_BROKEN,
  },
  {
    rule: 'one-row-per-address',
    explanation: 'Every address has one row (I1). Two rows may mean two owners.',
    broken: `select rock_mac.to_mac(addr) as mac, count(*) as rows from rock_mac.addresses group by addr having count(*) > 1`,
  },
  {
    rule: 'one-address-per-key',
    explanation: 'A holder key holds one address at a time (I4). Otherwise one request has two results.',
    broken: `select holder_key, array_agg(rock_mac.to_mac(addr) order by addr) as macs from rock_mac.addresses
             where state <> 'released' group by holder_key having count(*) > 1`,
  },
  {
    rule: 'one-claim-per-consumer',
    explanation: 'A pod or VM uses one claim for one NIC, and a claim has one consumer.',
    broken: `select consumer_key, array_agg(rock_mac.to_mac(addr) order by addr) as macs from rock_mac.addresses
             where consumer_key is not null group by consumer_key having count(*) > 1`,
  },
  {
    rule: 'one-state',
    explanation:
      'ledger_state has exactly one row. Without it nothing is handed out. With two, failovers are not detected.',
    broken: `select count(*) as rows from rock_mac.ledger_state having count(*) <> 1`,
  },
  {
    rule: 'pools-apart',
    explanation: 'Pools share no address. Both could hand out a shared one.',
    broken: `select a.name, b.name as other from rock_mac.pools a join rock_mac.pools b on a.pool_id < b.pool_id
             where a.first <= b.last and b.first <= a.last`,
  },
  {
    rule: 'prefixes-apart',
    explanation: 'Prefixes share no address. A pool under a shared one would be under two.',
    broken: `select a.prefix, b.prefix as other from rock_mac.prefixes a join rock_mac.prefixes b on a.prefix < b.prefix
             where a.first <= b.last and b.first <= a.last`,
  },
  {
    rule: 'pools-under-prefix',
    explanation: 'Every pool is under one prefix of the ledger. Other addresses belong to someone else.',
    broken: `select p.name, rock_mac.to_mac(p.first) as first, rock_mac.to_mac(p.last) as last from rock_mac.pools p
             where not exists (select from rock_mac.prefixes x where x.first <= p.first and x.last >= p.last)`,
  },
  {
    rule: 'address-in-its-pool',
    explanation: 'Every address is in the range of the pool in its row.',
    broken: `select rock_mac.to_mac(a.addr) as mac, a.pool_id, p.name as pool from rock_mac.addresses a left join rock_mac.pools p using (pool_id)
             where p.pool_id is null or a.addr not between p.first and p.last`,
  },
  {
    rule: 'cursor-in-its-pool',
    explanation:
      'The cursors of a pool, one for each strategy, are at one of its addresses or just after the last. Elsewhere they would leave the range.',
    broken: `select name, rock_mac.to_mac(next_addr) as cursor, draws from rock_mac.pools
             where next_addr not between first and last + 1 or draws not between 0 and last - first + 1`,
  },
  {
    rule: 'no-hole-below-cursor',
    explanation:
      'Every address below the cursor has a row. An address without a row is never handed out again, and the audit may lack an owner.',
    broken: `
      select p.name as pool, rock_mac.to_mac(h.addr) as mac
      from (select q.*, (select count(*) from rock_mac.addresses a where a.addr >= q.first and a.addr < q.next_addr) as known from rock_mac.pools q) p,
           lateral (select g as addr from generate_series(p.first, least(p.next_addr, p.last + 1) - 1) g
                    where not exists (select from rock_mac.addresses a where a.addr = g)) h
      where p.known < least(p.next_addr, p.last + 1) - p.first`,
  },
  {
    rule: 'no-hole-in-draws',
    explanation: `Every address that a random pool has drawn has a row. An address without a row is never drawn again, and the audit may lack an owner. Of more than ${DRAWS_CHECKED.toLocaleString('en')} draws, a random sample and the last ones are checked.`,
    // `limit` makes it look up each draw instead of reading all addresses.
    broken: `
      select distinct p.name as pool, rock_mac.to_mac(d.addr) as mac
      from (select greatest(1024, ${String(DRAWS_CHECKED)} / greatest(1, count(*))) as share from rock_mac.pools where draws > 0) s, rock_mac.pools p,
           lateral (select least(p.draws, p.last - p.first + 1) as drawn) c,
           lateral (select case when c.drawn <= s.share or n < s.share / 2 then c.drawn - 1 - n else floor(random() * c.drawn)::bigint end as turn
                    from generate_series(0, least(c.drawn, s.share) - 1) n) t,
           lateral (select rock_mac.address_at(p, p.first + t.turn) as addr offset 0) d
      where (select true from rock_mac.addresses a where a.addr = d.addr limit 1) is null`,
  },
  {
    rule: 'queue-above-floor',
    explanation:
      'Every released address waits after the floor of its pool. An address at or before it would never be handed out again.',
    broken: `select p.name as pool, rock_mac.to_mac(a.addr) as mac, a.released_at, p.floor_at from rock_mac.addresses a join rock_mac.pools p using (pool_id)
             where a.state = 'released' and not a.blocked and (a.released_at, a.addr) <= (p.floor_at, p.floor_addr)`,
  },
  {
    rule: 'state-and-times-agree',
    explanation:
      'States and times agree: released addresses have a release time and pending ones a lease. Reserved, released and orphaned ones have no expiry.',
    broken: `
      select rock_mac.to_mac(addr) as mac, state, released_at, expires_at, missing_since, kept_since from rock_mac.addresses
      where state not in ('stocked', 'pending', 'active', 'reserved', 'released', 'orphaned')
         or (state = 'released') <> (released_at is not null)
         or (state = 'pending' and expires_at is null)
         or (state in ('stocked', 'reserved', 'released', 'orphaned') and expires_at is not null)
         or (missing_since is not null and cluster_id is null)
         or (kept_since is not null and state <> 'reserved')
         or (end_unseen and state <> 'released')
         or (generation < 1 and not (state = 'released' and origin = 'observe'))`,
  },
  {
    rule: 'observed-is-blocked',
    explanation:
      'Exactly the addresses of pools that live objects use without owning them are kept from being handed out.',
    broken: `
      select rock_mac.to_mac(coalesce(a.addr, o.addr)) as mac, a.blocked, o.objects from rock_mac.addresses a
      full join (select addr, count(*) as objects from rock_mac.observations
                 where exists (select from rock_mac.pools p where addr between p.first and p.last) group by addr) o using (addr)
      where coalesce(a.blocked, false) <> (o.addr is not null)`,
  },
  {
    rule: 'consumer-of-a-claim',
    explanation: 'Only an address held by an object of a cluster has a consumer.',
    broken: `
      select rock_mac.to_mac(addr) as mac, state, cluster_id, consumer_key from rock_mac.addresses
      where (consumer_key is not null and (cluster_id is null or state not in ('active', 'reserved', 'orphaned')))
         or (consumer_key is null and consumer_expires_at is not null)`,
  },
  {
    rule: 'owner-is-known',
    explanation:
      'An address of a cluster has a registered cluster and the kind of its object. Otherwise no operator manages it.',
    broken: `
      select rock_mac.to_mac(a.addr) as mac, a.state, a.cluster_id, a.owner_kind from rock_mac.addresses a
      where a.cluster_id is not null and a.state <> 'released'
        and (a.owner_kind is null or not exists (select from rock_mac.clusters c where c.cluster_id = a.cluster_id))`,
  },
  {
    rule: 'retired-cluster-holds-nothing',
    explanation:
      'Addresses of a retired cluster are orphaned, so they are reported. Run `rock-mac cluster retire` again.',
    broken: `
      select rock_mac.to_mac(a.addr) as mac, a.state, a.cluster_id from rock_mac.addresses a join rock_mac.clusters c using (cluster_id)
      where c.retired_at is not null and a.state in ('stocked', 'pending', 'active')`,
  },
  {
    rule: 'clusters-are-not-ahead',
    explanation: 'No cluster has reported its addresses in a future epoch. The next recovery would not wait for it.',
    broken: `select c.name, c.reported_epoch, s.epoch from rock_mac.clusters c, rock_mac.ledger_state s where c.reported_epoch > s.epoch`,
  },
  {
    rule: 'stock-has-a-holder',
    explanation:
      'Every address of a stock belongs to a process of a webhook that is known. Otherwise nobody returns it.',
    broken: `select rock_mac.to_mac(a.addr) as mac, a.cluster_id, a.owner_name, a.owner_uid from rock_mac.addresses a
             where a.state = 'stocked' and not exists (select from rock_mac.stock_holders h
               where h.holder = a.owner_uid and h.cluster_id = a.cluster_id)`,
  },
  {
    rule: 'sticky-belongs-to-a-name',
    explanation:
      'A sticky address that is held belongs to a name in a cluster and has no uid. Only such an address waits for a node. Otherwise the next object of the name may get an address that another one uses.',
    broken: `
      select rock_mac.to_mac(addr) as mac, state, holder_key, cluster_id, owner_name, owner_uid, unreachable_node from rock_mac.addresses
      where (rock_mac.is_sticky(holder_key) and state <> 'released' and (cluster_id is null or owner_name is null or owner_uid is not null))
         or (unreachable_node is not null and not (rock_mac.is_sticky(holder_key) and state = 'active'))`,
  },
  {
    rule: 'leases-are-settled',
    explanation:
      'A pending address or a consumer with an expired lease is settled within an hour (I5). Otherwise the operator of its cluster is not running.',
    broken: `select rock_mac.to_mac(addr) as mac, cluster_id, owner_namespace, owner_name, expires_at, consumer_name, consumer_expires_at
             from rock_mac.addresses
             where (state = 'pending' and expires_at < rock_mac.clock() - interval '1 hour')
                or consumer_expires_at < rock_mac.clock() - interval '1 hour'`,
  },
  {
    rule: 'audit-has-the-last-word',
    explanation:
      'Every address matches its last audit row (I7). A difference is an unrecorded change, or the loss of an acknowledged one.',
    broken: `
      select rock_mac.to_mac(a.addr) as mac, a.state, a.generation, a.holder_key, l.id as audit_id, l.state as audit_state,
             l.generation as audit_generation, l.holder_key as audit_holder_key
      from rock_mac.addresses a join rock_mac.pools p using (pool_id)
      left join lateral (select * from rock_mac.audit_log l where l.mac_address = rock_mac.to_mac(a.addr) and l.state is not null
                         order by l.id desc limit 1) l on true
      where (l.pool, l.state, l.generation, l.holder_key, l.cluster_id, l.device_id, l.details->>'kind', l.details->>'namespace',
             l.details->>'name', l.details->>'uid', l.details->>'nic', l.details->>'deviceType', coalesce(l.details->'metadata', '{}'),
             coalesce((l.details->>'kept')::boolean, false), l.details->>'consumer', l.details->>'unreachableNode', l.details->>'requester')
            is distinct from
            (p.name, a.state, a.generation, a.holder_key, a.cluster_id, a.device_id, a.owner_kind, a.owner_namespace,
             a.owner_name, a.owner_uid, a.owner_nic, a.device_type, a.metadata, a.kept_since is not null, a.consumer_key, a.unreachable_node, a.requester)
        and a.generation > 0`,
  },
  {
    rule: 'audited-address-exists',
    explanation: 'Every address in the audit has a row: the ledger never forgets an address.',
    broken: `
      select l.mac_address as mac, max(l.id) as audit_id from rock_mac.audit_log l
      where l.mac_address is not null and l.state is not null
        and not exists (select from rock_mac.addresses a where a.addr = rock_mac.to_addr(l.mac_address))
      group by l.mac_address`,
  },
  {
    rule: 'audit-is-unbroken',
    explanation:
      'Each audit row of an address follows from the previous one: it starts from that state, with the same generation or the next. Its user is the requester of a new owner or of a pod that got it from stock, else the actor. A gap is a change without a row (I7). A new owner of a held address is a duplicate (I1), unless the last owner handed it over.',
    broken: `
      select mac_address as mac, id as audit_id, last_state, state_before, last_generation, generation, "user", requester, actor from (
        select l.mac_address, l.id, l.action, l.state, l.state_before, l.generation, l."user", l.details->>'requester' as requester, l.actor,
               lag(l.state) over w as last_state, lag(l.generation) over w as last_generation,
               lag(l.details->>'kind') over w = 'Webhook' and l.details->>'kind' <> 'Webhook' as from_stock,
               coalesce(lag((l.details->>'kept')::boolean) over w, false) as last_kept
        from rock_mac.audit_log l where l.mac_address is not null and l.state is not null
        window w as (partition by l.mac_address order by l.id)) c
      where state_before is distinct from last_state
         or generation - coalesce(last_generation, 0) not in (0, 1)
         or "user" is distinct from (case when generation > coalesce(last_generation, 0) or from_stock then requester else actor end)
         or (generation > last_generation and last_state not in ('released', 'orphaned') and not last_kept
             and not (action = 'transfer' and state = last_state))`,
  },
  {
    rule: 'seals-follow',
    explanation:
      'The hash of every seal fits its content and the seal before it. This is the first that does not: it, or the one before it, was changed, removed or forged.',
    broken: `
      select (s.seal).seq as seal, (s.seal).epoch, (s.seal).sealed_at, s.previous_seal from (
        select a as seal, lag(a.hash) over w as previous, coalesce(lag(a.seq) over w, 0) as previous_seal
        from rock_mac.audit_seals a window w as (order by a.seq)) s
      where (s.seal).seq <> s.previous_seal + 1 or (s.seal).hash is distinct from rock_mac.seal_hash(coalesce(s.previous, ''), s.seal)
      order by 1 limit 1`,
  },
  {
    rule: 'sealed-rows-unchanged',
    explanation: 'Every sealed row of the audit is there and as it was when it was sealed.',
    broken: `
      select u.id as audit_id, case when l.id is null then 'removed' else 'changed' end as problem, s.seq as seal, s.sealed_at
      from rock_mac.audit_seals s cross join unnest(s.ids, s.row_hashes) as u(id, hash) left join rock_mac.audit_log l on l.id = u.id
      where l.id is null or rock_mac.audit_row_hash(l) is distinct from u.hash
      order by s.seq, u.id`,
  },
  {
    rule: 'audit-is-sealed',
    explanation:
      'No row of the audit was inserted where all rows had been sealed. Such a row was forged: it was written later than it says.',
    broken: `
      select l.id as audit_id, 'forged' as problem, l."timestamp", l.login from rock_mac.audit_log l
      where l.id <= (select max(s.settled) from rock_mac.audit_seals s)
        and not exists (select from rock_mac.audit_seals s, unnest(s.ids) u(id) where u.id = l.id)
      order by l.id`,
  },
  {
    rule: 'hours-add-up',
    explanation:
      'The counts by hour are those of the sealed rows of the audit. Otherwise the history of a pool is wrong, and nothing else.',
    broken: `
      select pool, hour, h.handed_out, h.released, h.held_change, c.handed_out as audit_handed_out, c.released as audit_released,
             c.held_change as audit_held_change
      from rock_mac.audit_hours h full join (
        select c.pool, c.hour, sum(c.handed_out) as handed_out, sum(c.released) as released, sum(c.held_change) as held_change
        from rock_mac.audit_seals s cross join unnest(s.ids) i(id) join rock_mac.audit_changes c on c.id = i.id
        group by c.pool, c.hour) c using (pool, hour)
      where (h.handed_out, h.released, h.held_change) is distinct from (c.handed_out, c.released, c.held_change)
      order by hour, pool`,
  },
];

/**
 * Checks every rule that SQL can verify, in one snapshot, and returns the broken ones. Reads every row, including the
 * audit. Run it manually or once a day, on a connection with a long time limit.
 */
export async function checkLedger(db: Pick<LedgerClient, 'transaction'>): Promise<Finding[]> {
  return inSnapshot(db, async (snapshot) => {
    await queryOne(snapshot, { text: SCHEMA_SETTINGS, values: [], row: z.object({}) });
    const findings: Finding[] = [];
    for (const { rule, explanation, broken } of RULES) {
      const { count, rows } = await queryOne(snapshot, {
        text: `with broken as (${broken})
               select (select count(*) from broken) as count,
                      (select coalesce(jsonb_agg(b), '[]') from (select * from broken limit $1) b) as rows`,
        values: [ROWS_SHOWN],
        row: z.object({ count: z.int(), rows: z.array(z.record(z.string(), z.unknown())) }),
      });
      if (count > 0) findings.push({ rule, explanation, count, rows });
    }
    return findings;
  });
}
