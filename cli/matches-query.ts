import { hasMetadata } from '../ledger/address/metadata-term.ts';
import type { Address, ListQuery } from './backend.ts';
import { parseOwner } from './parse-owner.ts';

/** Returns whether an address matches a list query. Used where no server has applied the filters. */
export function matchesQuery(address: Address, query: ListQuery): boolean {
  const { pools, device, deviceType, metadata = [], namespace, since, before, states } = query;
  const owner = parseOwner(query.owner);
  const filters: [unknown, unknown][] = [
    [device, address.device?.id],
    [deviceType, address.device?.type],
    [namespace ?? owner.namespace, address.owner?.namespace],
    [owner.kind, address.owner?.kind],
    [owner.name, address.owner?.name],
  ];
  return (
    filters.every(([wanted, actual]) => wanted === undefined || wanted === actual) &&
    isAmong(pools, address.pool) &&
    isAmong(states, address.state) &&
    hasMetadata(address.metadata, metadata) &&
    wasAllocated(address, since, before)
  );
}

function isAmong<T>(wanted: readonly T[] | undefined, actual: T): boolean {
  return wanted === undefined || wanted.includes(actual);
}

function wasAllocated({ allocatedAt }: Address, since: Date | undefined, before: Date | undefined): boolean {
  if (since === undefined && before === undefined) return true;
  if (allocatedAt === undefined) return false;
  return (since === undefined || allocatedAt >= since) && (before === undefined || allocatedAt < before);
}
