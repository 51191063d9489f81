import { isGone } from '../../kube/client/errors.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Address, ListQuery } from '../backend.ts';
import { matches } from '../matches.ts';
import type { Scope } from './scope.ts';
import { addressOfAllocation } from './shown-address.ts';

/** A watch is begun anew after so long; the server sends a bookmark about once a minute. */
const WATCH_SECONDS = 300;
const IDLE_MS = 150_000;

/**
 * Shows what the MacAllocations say, then every change as it comes; what is deleted is shown as released. Ends with the
 * process. The ledger itself cannot be watched.
 */
export async function watchAddresses(query: ListQuery, see: (address: Address) => void, scope: Scope): Promise<never> {
  const { client, namespace, allNamespaces } = scope;
  const where = allNamespaces ? {} : { namespace: query.namespace ?? namespace };
  const shown = new Map<string, string>();

  const look = (allocation: MacAllocation, gone: boolean) => {
    const address = addressOfAllocation(allocation);
    if (address === undefined) return;
    const now: Address = gone ? { ...address, state: 'released' } : address;
    if (!matches(gone ? address : now, query)) return;
    // A status may be written without anything that is shown.
    const text = JSON.stringify(now);
    if (shown.get(allocation.metadata.uid) === text) return;
    if (gone) shown.delete(allocation.metadata.uid);
    else shown.set(allocation.metadata.uid, text);
    see(now);
  };

  let resourceVersion: string | undefined;
  for (;;) {
    if (resourceVersion === undefined) {
      const list = await client.list(macAllocations, where);
      for (const each of list.items) look(each, false);
      ({ resourceVersion } = list);
    }
    try {
      const options = { ...where, resourceVersion, timeoutSeconds: WATCH_SECONDS, idleTimeoutMs: IDLE_MS };
      for await (const event of client.watch(macAllocations, options, new AbortController().signal)) {
        if (event.type === 'BOOKMARK') {
          ({ resourceVersion } = event);
          continue;
        }
        look(event.object, event.type === 'DELETED');
        ({ resourceVersion } = event.object.metadata);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
      resourceVersion = undefined;
    }
  }
}
