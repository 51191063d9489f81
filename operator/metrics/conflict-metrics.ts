import { Gauge, type Registry } from '@prometheus-io/client';
import type { MacAddress } from '../../mac/mac-address.ts';

/** Metrics of addresses that several objects use. */
export interface ConflictMetrics {
  /** Records how many objects share an address and how far apart they are, or that none share it any more. */
  conflict(mac: MacAddress, found: { readonly scope: string; readonly objects: number } | undefined): void;
  /** Forgets all: another replica leads. */
  conflictsForgotten(): void;
}

/** How many addresses have series of their own. Everybody can write an address into an object. */
const MOST_ADDRESSES = 100;

/** The label of all other addresses together. */
const OTHERS = 'others';

export function registerConflictMetrics(registry: Registry): ConflictMetrics {
  const shared = new Map<MacAddress, { readonly scope: string; readonly objects: number }>();
  const gauge = new Gauge({
    name: 'rockmac_conflicts',
    help: 'Objects that use the same address, by address and by how far apart they are: object (twice on one), namespace, cluster or ledger. Beyond 100 addresses, the rest is counted as others.',
    labelNames: ['mac', 'scope'],
    registers: [registry],
    collect: () => {
      gauge.reset();
      let own = 0;
      for (const [mac, { scope, objects }] of shared) {
        if (own++ < MOST_ADDRESSES) gauge.set({ mac, scope }, objects);
        else gauge.inc({ mac: OTHERS, scope }, objects);
      }
    },
  });
  return {
    conflict: (mac, found) => {
      if (found === undefined) shared.delete(mac);
      else shared.set(mac, found);
    },
    conflictsForgotten: () => {
      shared.clear();
    },
  };
}
