import { isGone } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { Address, ListQuery, WatchListener } from '../backend.ts';
import { matchesQuery } from '../matches-query.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { selectionOf } from './list-addresses.ts';
import type { Scope } from './scope.ts';

/** The server ends each watch after this time, and a new one starts. */
const WATCH_SECONDS = 300;

/** A watch without any event for this time counts as dead: the server sends a bookmark about once a minute. */
const IDLE_MS = 150_000;

/**
 * Reports the addresses of the MacAllocations, then every change, until the process ends. A deleted MacAllocation is
 * reported as released.
 */
export async function watchAddresses(query: ListQuery, { onAddress }: WatchListener, scope: Scope): Promise<never> {
  const { client } = scope;
  const where = selectionOf(query, scope);
  const reported = new Map<string, string>();

  const reportIfChanged = (allocation: MacAllocation, isDeleted: boolean) => {
    const stored = addressOfAllocation(allocation);
    if (stored === undefined || !matchesQuery(stored, query)) return;
    const address: Address = isDeleted ? { ...stored, state: 'released' } : stored;
    // Some status updates change nothing that is shown.
    const text = JSON.stringify(address);
    if (reported.get(allocation.metadata.uid) === text) return;
    if (isDeleted) reported.delete(allocation.metadata.uid);
    else reported.set(allocation.metadata.uid, text);
    onAddress(address);
  };

  let resourceVersion: string | undefined;
  for (;;) {
    if (resourceVersion === undefined) {
      const list = await client.list(macAllocations, where);
      for (const each of list.items) reportIfChanged(each, false);
      ({ resourceVersion } = list);
    }
    try {
      const options = { ...where, resourceVersion, timeoutSeconds: WATCH_SECONDS, idleTimeoutMs: IDLE_MS };
      for await (const event of client.watch(macAllocations, options, new AbortController().signal)) {
        if (event.type === 'BOOKMARK') {
          ({ resourceVersion } = event);
          continue;
        }
        reportIfChanged(event.object, event.type === 'DELETED');
        ({ resourceVersion } = event.object.metadata);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
      resourceVersion = undefined;
    }
  }
}
