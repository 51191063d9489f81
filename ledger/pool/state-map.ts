import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { MAP_STATES, MAX_MAP_COUNT } from '../../api/state-map.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { prefixQuery, searchText } from '../address/search.ts';
import { requireValid } from '../address/validate.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { markDigits } from './mark-digits.ts';

const LAST_ADDRESS = 0xffff_ffff_ffff;

const countSchema = z.int().min(1).max(MAX_MAP_COUNT);

/** The byte of a row, in hexadecimal digits. */
const STATE_OF_ROW = `case
  when a.state = 'released' and a.blocked then ${byte('observed')}
  when a.state = 'released' and n.reuses and a.released_at + p.reuse_delay <= n.t then ${byte('freeAgain')}
  when a.state = 'released' then ${byte('waiting')}
  when a.state = 'active' and a.missing_since is not null and rock_mac.is_sticky(a.holder_key) then ${byte('stickyUnused')}
  when a.state = 'active' then ${byte('active')}
  when a.state = 'pending' then ${byte('pending')}
  when a.state = 'reserved' then ${byte('reserved')}
  when a.state = 'stocked' then ${byte('stocked')}
  else ${byte('orphaned')} end`;

function byte(state: keyof typeof MAP_STATES): string {
  return `'${MAP_STATES[state].toString(16).padStart(2, '0')}'`;
}

/** Whether a row has a text where `searchAddresses` looks for names. Digits are compared with all addresses, not only with rows. */
const HAS_TEXT = `a.state <> 'released' and (a.device_id ^@ $4 or a.owner_name ^@ lower($4) or a.consumer_name ^@ lower($4)
  or a.owner_namespace ^@ lower($4) or a.cluster_id = any (f.clusters)
  or (a.metadata <> '{}' and rock_mac.metadata_terms(a.metadata) @@ lower($5)::tsquery))`;

/** Digits of the byte of a row: FOUND is the highest bit. */
const MARKED_STATE = `case when ${HAS_TEXT} then overlay(${STATE_OF_ROW} placing '8' from 1 for 1) else ${STATE_OF_ROW} end`;

const FOUND_CLUSTERS = `, f as materialized (
  select array(select c.cluster_id from rock_mac.clusters c where lower(c.name) ^@ lower($4) or c.cluster_id ^@ lower($4)) as clusters)`;

/**
 * Returns the states of `count` consecutive addresses (1 to MAX_MAP_COUNT) from `first` on, one byte each: see MAP_STATES.
 * Addresses outside every pool are `neverUsed`. With a text, FOUND is added to those in which `matchText` finds it, and to those that have its digits.
 * Reads the rows of the range once, in the order of the primary key.
 */
export async function stateMap(db: Queryable, first: MacAddress, count: number, search?: string): Promise<Uint8Array> {
  requireValid(countSchema, count, 'The number of addresses of a map');
  requireValid(searchText.optional(), search, 'The search');
  const wanted = search?.trim();
  const from = macToNumber(first);
  const to = Math.min(from + count - 1, LAST_ADDRESS);
  const { states } = await queryOne(db, {
    // Each row brings the zeros between the row before it and itself.
    text: `with n as materialized (select rock_mac.clock() as t, rock_mac.expiry_held() is null as reuses)${wanted === undefined ? '' : FOUND_CLUSTERS},
             r as (select a.addr, ${wanted === undefined ? STATE_OF_ROW : MARKED_STATE} as state, a.addr - 1 - coalesce(lag(a.addr) over (order by a.addr), $1::bigint - 1) as gap
                   from rock_mac.addresses a join rock_mac.pools p using (pool_id), n${wanted === undefined ? '' : ', f'} where a.addr between $1::bigint and $2::bigint)
           select rpad(coalesce(string_agg(case gap when 0 then state else repeat('00', gap::int) || state end, '' order by addr), ''), $3::int, '0') as states
           from r`,
    values: [from, to, 2 * (to - from + 1), ...(wanted === undefined ? [] : [wanted, prefixQuery(wanted)])],
    row: z.object({ states: z.string() }),
  });
  const map = Buffer.from(states, 'hex');
  return wanted === undefined ? map : markDigits(map, first, wanted);
}
