import { setTimeout as sleep } from 'node:timers/promises';
import type { MacAddress } from '../mac/mac-address.ts';
import type { Address, Backend, ListQuery } from './backend.ts';
import { matches } from './matches.ts';

const POLL_AGAIN_MS = 1_000;
const CHANGES_AT_ONCE = 1_000;

/**
 * Shows what a list shows, then every address that changes and either belongs to the list or was in it, until the process
 * ends. The audit tells which those are: it is the one place that nothing can change without, and cheap to ask again.
 */
export async function followAddresses(
  source: Pick<Backend, 'list' | 'audit' | 'find'>,
  query: ListQuery,
  see: (address: Address) => void,
): Promise<never> {
  const shown = new Map<MacAddress, string>();
  const look = (address: Address) => {
    const belongs = matches(address, query);
    const text = JSON.stringify(address);
    if ((belongs || shown.has(address.mac)) && shown.get(address.mac) !== text) see(address);
    if (belongs) shown.set(address.mac, text);
    else shown.delete(address.mac);
  };
  // Before the list, so that nothing is missed between the two.
  let afterId = (await source.audit({ limit: 1 }))[0]?.id ?? 0;
  for (const address of (await source.list(query)).items) look(address);
  for (;;) {
    await sleep(POLL_AGAIN_MS);
    const changes = await source.audit({ pool: query.pool, afterId, limit: CHANGES_AT_ONCE });
    for (const mac of new Set(changes.flatMap(({ mac }) => mac ?? []))) {
      for (const address of await source.find({ kind: 'mac', text: mac, mac })) look(address);
    }
    afterId = changes.at(-1)?.id ?? afterId;
  }
}
