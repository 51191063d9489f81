import type { PoolStats } from '../../ledger/pool/pool-stats.ts';
import { decodeAddress } from '../../ledger/view/address-view.ts';
import { decodeAuditEntry } from '../../ledger/view/audit-entry-view.ts';
import { decodePool } from '../../ledger/view/pool-view.ts';
import type { Address, AuditLine, AuditQuery } from '../backend.ts';
import type { Target } from '../target.ts';
import { ADDRESSES, AUDIT_ENTRIES, POOLS, type LedgerReader } from './ledger-reader.ts';

/** Returns an address of the ledger, or all addresses that a device holds. */
export async function findInLedger(target: Target, reader: LedgerReader): Promise<Address[]> {
  if (target.kind === 'device') {
    const terms = ['state!=released'];
    const { items } = await reader.list(ADDRESSES, { fields: { 'device.id': target.text }, terms });
    if (items.length > 0 || target.mac === undefined) return items.map(decodeAddress);
  }
  const found = target.mac === undefined ? undefined : await reader.get(ADDRESSES, target.mac);
  return found === undefined ? [] : [decodeAddress(found)];
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
  return items.map(decodeAuditEntry);
}

/** Returns the counts of the pools, in the order of their ranges. */
export async function statsOfLedger(reader: LedgerReader): Promise<PoolStats[]> {
  const { items } = await reader.list(POOLS, { fields: {} });
  return items.map(decodePool).sort((a, b) => (a.first < b.first ? -1 : 1));
}
