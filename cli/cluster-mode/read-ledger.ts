import type { PoolStats } from '../../ledger/pool/pool-stats.ts';
import { mac } from '../../mac/mac-address.ts';
import type { Address, AuditLine, AuditQuery } from '../backend.ts';
import type { Target } from '../target.ts';
import { ADDRESSES, AUDIT_ENTRIES, POOLS, type LedgerReader } from './ledger-reader.ts';
import { addressOfLedger, auditLineOf } from './shown-address.ts';

/** What the whole ledger knows of an address, or what a device holds in it. */
export async function findInLedger(target: Target, reader: LedgerReader): Promise<Address[]> {
  if (target.kind === 'device') {
    const terms = ['state!=released'];
    const { items } = await reader.list(ADDRESSES, { fields: { 'device.id': target.text }, terms });
    if (items.length > 0 || target.mac === undefined) return items.map(addressOfLedger);
  }
  const found = target.mac === undefined ? undefined : await reader.get(ADDRESSES, target.mac);
  return found === undefined ? [] : [addressOfLedger(found)];
}

export async function auditOfLedger(
  { target, afterId, limit, since, ...query }: AuditQuery,
  reader: LedgerReader,
): Promise<AuditLine[]> {
  const { items } = await reader.list(AUDIT_ENTRIES, {
    fields: {
      ...query,
      mac: target?.kind === 'device' ? undefined : target?.mac,
      deviceId: target?.kind === 'device' ? target.text : undefined,
      since: since?.toISOString(),
      afterId: afterId === undefined ? undefined : String(afterId),
    },
    limit,
  });
  return items.map(auditLineOf);
}

/** Counts of the pools, in the order of their ranges. */
export async function statsOfLedger(reader: LedgerReader): Promise<PoolStats[]> {
  const { items } = await reader.list(POOLS, { fields: {} });
  return items
    .map(({ metadata, first, last, ...counts }) => ({
      ...counts,
      pool: metadata.name,
      first: mac(first),
      last: mac(last),
    }))
    .sort((a, b) => (a.first < b.first ? -1 : 1));
}
