import type { Change } from '../../kube/controller/object-cache.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Source } from '../controller/sources.ts';
import type { Workload } from '../live/workload.ts';

/** The addresses that came onto the links of this cluster and were not asked for yet. */
export interface Appeared {
  list(): readonly MacAddress[];
  /** Forgets addresses, because the ledger was asked for them. */
  forget(macs: readonly MacAddress[]): void;
}

/** More at once, for example the objects of a new prefix, are left to the next resync. */
const MOST = 5_000;

/** Remembers the addresses of objects that start to run, of these caches. */
export function createAppeared(caches: Iterable<Source<Change<Workload>>>): Appeared {
  const appeared = new Set<MacAddress>();
  for (const cache of caches) {
    cache.subscribe((change) => {
      for (const mac of newOnLink(change)) if (appeared.size < MOST) appeared.add(mac);
    });
  }
  return {
    list: () => [...appeared],
    forget: (macs) => {
      for (const mac of macs) appeared.delete(mac);
    },
  };
}

function newOnLink({ type, object, before }: Change<Workload>): readonly MacAddress[] {
  if (type !== 'added' && type !== 'updated') return [];
  const known = new Set(before?.onWire?.map(({ mac }) => mac));
  return (object.onWire ?? []).flatMap(({ mac }) => (known.has(mac) ? [] : [mac]));
}
