import type { Address, ListQuery } from './backend.ts';
import { parseOwner } from './parse-owner.ts';

/** Returns whether an address matches a list query. Used where no server has applied the filters. */
export function matchesQuery(address: Address, query: ListQuery): boolean {
  const { pools, device, namespace, since, states } = query;
  const owner = parseOwner(query.owner);
  const filters: [unknown, unknown][] = [
    [device, address.device?.id],
    [namespace ?? owner.namespace, address.owner?.namespace],
    [owner.kind, address.owner?.kind],
    [owner.name, address.owner?.name],
  ];
  return (
    filters.every(([wanted, actual]) => wanted === undefined || wanted === actual) &&
    isAmong(pools, address.pool) &&
    isAmong(states, address.state) &&
    (since === undefined || (address.allocatedAt !== undefined && address.allocatedAt >= since))
  );
}

function isAmong<T>(wanted: readonly T[] | undefined, actual: T): boolean {
  return wanted === undefined || wanted.includes(actual);
}
