import type { MacAddress } from '../../mac/mac-address.ts';
import { createTrigger, type Source } from '../controller/sources.ts';
import type { AddressUser } from './conflict-message.ts';
import type { CollisionScope } from './find-collision.ts';

/** An object that uses an address of another owner, whether it runs or not. */
export interface Contested {
  readonly mac: MacAddress;
  readonly user: AddressUser;
  /** Whether a cache had it, so that its end is noticed at once. The pods of instances are not cached: the next resync decides. */
  readonly isCached: boolean;
  /** How far its owner is. */
  readonly scope: CollisionScope;
}

/** What the last resync found: addresses in use by objects that do not own them. */
export interface ContestedAddresses {
  /** Emits an address whose users have changed. Every known one is emitted after each resync. */
  readonly changed: Source<MacAddress>;
  /** Whether a resync has ended. Before that, nobody knows. */
  readonly isKnown: boolean;
  of(mac: MacAddress): readonly Contested[];
  replace(found: readonly Contested[]): void;
}

export function createContestedAddresses(): ContestedAddresses {
  let known: ReadonlyMap<MacAddress, readonly Contested[]> | undefined;
  const changed = createTrigger<MacAddress>();
  return {
    changed,
    get isKnown() {
      return known !== undefined;
    },
    of: (mac) => known?.get(mac) ?? [],
    replace: (found) => {
      const before = known;
      known = Map.groupBy(found, ({ mac }) => mac);
      for (const mac of new Set([...(before?.keys() ?? []), ...known.keys()])) changed.fire(mac);
    },
  };
}
