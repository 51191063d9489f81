import { setTimeout as sleep } from 'node:timers/promises';
import type { MacAddress } from '../mac/mac-address.ts';
import type { Address, AuditPage, AuditQuery, ListQuery, Page, WatchListener } from './backend.ts';
import { matchesQuery } from './matches-query.ts';

const POLL_MS = 1_000;

/** Audit rows read per poll. More changes than this within a second are read by the next polls. */
const CHANGES_PER_POLL = 1_000;

export interface AddressSource {
  list(query: ListQuery): Promise<Page<Address>>;
  audit(query: AuditQuery): Promise<AuditPage>;
  findByMac(mac: MacAddress): Promise<readonly Address[]>;
}

/**
 * Reports the addresses of a list, then every later change of an address that matches the query or did so before. Runs
 * until the process ends. It polls the audit because every change writes an audit row, and the query is cheap.
 */
export async function followAddresses(
  source: AddressSource,
  query: ListQuery,
  { onAddress, onCut }: WatchListener,
): Promise<never> {
  const reported = new Map<MacAddress, string>();
  const reportIfChanged = (address: Address) => {
    const matches = matchesQuery(address, query);
    const text = JSON.stringify(address);
    if ((matches || reported.has(address.mac)) && reported.get(address.mac) !== text) onAddress(address);
    if (matches) reported.set(address.mac, text);
    else reported.delete(address.mac);
  };
  // Read before the list, so that no change between the two is missed.
  const { lines, reached: start } = await source.audit({ limit: 1 });
  let afterId = start ?? lines[0]?.id ?? 0;
  const first = await source.list(query);
  for (const address of first.items) reportIfChanged(address);
  if (first.next !== undefined) onCut();
  for (;;) {
    await sleep(POLL_MS);
    const pool = query.pools?.length === 1 ? query.pools[0] : undefined;
    const { lines: changes, reached } = await source.audit({ pool, afterId, limit: CHANGES_PER_POLL });
    for (const mac of new Set(changes.flatMap(({ mac }) => mac ?? []))) {
      for (const address of await source.findByMac(mac)) reportIfChanged(address);
    }
    afterId = reached ?? afterId;
  }
}
