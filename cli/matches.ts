import type { Address, ListQuery } from './backend.ts';
import { readOwner } from './read-owner.ts';

/** Whether a list shows an address, where nobody else has judged that. */
export function matches(address: Address, query: ListQuery): boolean {
  const { pool, device, namespace, since, states } = query;
  const owner = readOwner(query.owner);
  const wanted: [unknown, unknown][] = [
    [pool, address.pool],
    [device, address.device?.id],
    [namespace ?? owner.namespace, address.owner?.namespace],
    [owner.kind, address.owner?.kind],
    [owner.name, address.owner?.name],
  ];
  return (
    wanted.every(([want, is]) => want === undefined || want === is) &&
    (states === undefined || states.includes(address.state)) &&
    (since === undefined || (address.allocatedAt !== undefined && address.allocatedAt >= since))
  );
}
