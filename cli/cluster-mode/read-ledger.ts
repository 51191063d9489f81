import { Buffer } from 'node:buffer';
import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import type { PoolHour } from '../../ledger/pool/history.ts';
import type { PoolStats } from '../../ledger/pool/pool-stats.ts';
import type { LedgerPrefix } from '../../ledger/pool/prefixes.ts';
import { decodeAddress } from '../../ledger/view/address-view.ts';
import { decodeAuditEntry } from '../../ledger/view/audit-entry-view.ts';
import { decodePrefixes } from '../../ledger/view/ledger-view.ts';
import { decodePool } from '../../ledger/view/pool-view.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Address, AuditPage, AuditQuery } from '../backend.ts';
import { objectNamed } from '../parse-owner.ts';
import type { Target } from '../target.ts';
import {
  ADDRESSES,
  AUDIT_ENTRIES,
  type LedgerReader,
  LEDGERS,
  type ListRequest,
  POOL_HOURS,
  POOLS,
  STATE_MAPS,
} from './ledger-reader.ts';
import type { Scope } from './scope.ts';

/** Returns an address of the ledger, or all addresses that a device holds. */
export async function findInLedger(
  target: Target,
  reader: LedgerReader,
  { namespace, allNamespaces }: Pick<Scope, 'namespace' | 'allNamespaces'>,
): Promise<Address[]> {
  if (target.kind === 'device') {
    const terms = ['state!=released'];
    const { items } = await reader.list(ADDRESSES, { fields: { 'device.id': target.text }, terms });
    if (items.length > 0) return items.map(decodeAddress);
    const object = target.mac === undefined ? objectNamed(target.text) : undefined;
    if (object !== undefined) {
      const fields = {
        'owner.kind': object.kind,
        'owner.namespace': object.namespace ?? (allNamespaces ? undefined : namespace),
        'owner.name': object.name,
      };
      return (await reader.list(ADDRESSES, { fields, terms })).items.map(decodeAddress);
    }
  }
  const found = target.mac === undefined ? undefined : await reader.get(ADDRESSES, target.mac);
  return found === undefined ? [] : [decodeAddress(found)];
}

export async function prefixesOfLedger(reader: LedgerReader): Promise<LedgerPrefix[]> {
  return (await reader.list(LEDGERS, { fields: {} })).items.flatMap(decodePrefixes);
}

export async function auditOfLedger(query: AuditQuery, reader: LedgerReader): Promise<AuditPage> {
  const { entries, isCut, reached } = await auditEntriesOfLedger(query, reader);
  return { lines: entries.map(decodeAuditEntry), isCut, reached };
}

/** Returns entries of the audit. A limit above the largest page of the read API needs several requests. */
export async function auditEntriesOfLedger(
  { limit, ...query }: AuditQuery,
  reader: LedgerReader,
  options: Pick<ListRequest, 'waitSeconds' | 'signal'> = {},
): Promise<AuditEntries> {
  const fields = auditFields(query);
  const entries: AuditEntryObject[] = [];
  let after: string | undefined;
  let reached: number | undefined;
  do {
    const page = await reader.list(AUDIT_ENTRIES, { ...options, fields, limit: limit - entries.length, after });
    entries.push(...page.items);
    after = page.next;
    reached = page.reached ?? reached; // later pages of the newest entries have none
  } while (after !== undefined && entries.length < limit);
  return { entries, isCut: after !== undefined, reached };
}

/** Returns the fields of audit entries that a query selects. */
function auditFields({ target, afterId, since, ...query }: Omit<AuditQuery, 'limit'>) {
  return {
    ...query,
    mac: target?.kind === 'device' ? undefined : target?.mac,
    deviceId: target?.kind === 'device' ? target.text : undefined,
    since: since?.toISOString(),
    afterId: afterId === undefined ? undefined : String(afterId),
  };
}

/** Returns the counts of the pools, in the order of their ranges. */
export async function statsOfLedger(reader: LedgerReader): Promise<PoolStats[]> {
  const { items } = await reader.list(POOLS, { fields: {} });
  return items.map(decodePool).sort((a, b) => (a.first < b.first ? -1 : 1));
}

/** Returns the addresses in which the ledger finds a text. */
export async function searchLedger(reader: LedgerReader, text: string, limit: number): Promise<Address[]> {
  return (await reader.list(ADDRESSES, { fields: { search: text }, limit })).items.map(decodeAddress);
}

/** The largest page that the read API returns. */
const PAGE_OF_HOURS = 5_000;

/** Returns the hours of one pool or of all pools. */
export async function hoursOfLedger(reader: LedgerReader, since: Date, pool?: string): Promise<PoolHour[]> {
  const hours: PoolHour[] = [];
  let after: string | undefined;
  do {
    const page = await reader.list(POOL_HOURS, {
      fields: { pool, since: since.toISOString() },
      limit: PAGE_OF_HOURS,
      after,
    });
    hours.push(
      ...page.items.map((object) => {
        const { hour, held, handedOut, released } = object;
        return { pool: object.pool, hour: new Date(hour), held, handedOut, released };
      }),
    );
    after = page.next;
  } while (after !== undefined);
  return hours;
}

export async function mapOfLedger(
  reader: LedgerReader,
  first: MacAddress,
  count: number,
  search?: string,
): Promise<Uint8Array> {
  const map = await reader.get(STATE_MAPS, first, { count: String(count), ...(search !== undefined && { search }) });
  return map === undefined ? new Uint8Array(count) : Buffer.from(map.states, 'base64');
}
