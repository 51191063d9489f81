import { type UserElsewhere, usersElsewhere } from '../../ledger/observation/users-elsewhere.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { createTrigger, type Source } from '../controller/sources.ts';

/** What the ledger knows of the users of addresses outside of this cluster, as of the last question. */
export interface Elsewhere {
  /** Emits an address whose users elsewhere have changed. */
  readonly changed: Source<MacAddress>;
  of(mac: MacAddress): readonly UserElsewhere[];
  /** Returns the addresses that have users elsewhere. */
  known(): readonly MacAddress[];
  /** Reads the users of these addresses from the ledger. */
  refresh(macs: Iterable<MacAddress>): Promise<void>;
  /** Reads the users of these addresses, and forgets those of all others. */
  replace(macs: ReadonlySet<MacAddress>): Promise<void>;
}

/** How many addresses one statement asks for. */
const BATCH_SIZE = 500;

export function createElsewhere({ ledger, clusterId }: Pick<OperatorDeps, 'ledger' | 'clusterId'>): Elsewhere {
  const known = new Map<MacAddress, readonly UserElsewhere[]>();
  const changed = createTrigger<MacAddress>();

  function set(mac: MacAddress, users: readonly UserElsewhere[]): void {
    const before = known.get(mac);
    if (users.length === 0) known.delete(mac);
    else known.set(mac, users);
    if (textOf(before) !== textOf(users)) changed.fire(mac);
  }

  async function refresh(macs: Iterable<MacAddress>): Promise<void> {
    const all = [...macs];
    for (let start = 0; start < all.length; start += BATCH_SIZE) {
      const batch = all.slice(start, start + BATCH_SIZE);
      const found = Map.groupBy(await usersElsewhere(ledger, { clusterId, macs: batch }), ({ mac }) => mac);
      for (const mac of batch) set(mac, found.get(mac) ?? []);
    }
  }

  return {
    changed,
    of: (mac) => known.get(mac) ?? [],
    known: () => [...known.keys()],
    refresh,
    replace: async (macs) => {
      await refresh(macs);
      for (const mac of [...known.keys()]) if (!macs.has(mac)) set(mac, []);
    },
  };
}

function textOf(users: readonly UserElsewhere[] = []): string {
  return JSON.stringify(users);
}
