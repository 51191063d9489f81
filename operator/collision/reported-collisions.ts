import type { MacAddress } from '../../mac/mac-address.ts';

/** Remembers which objects have an Event about an address that they share. */
export interface ReportedCollisions {
  /**
   * Takes the uids of all objects that share the address now, each once. Returns those without an Event, at most `most`, and counts them
   * as reported. How many are `left` for the next calls.
   */
  replace(
    mac: MacAddress,
    uids: readonly string[],
    most: number,
  ): { readonly fresh: ReadonlySet<string>; readonly left: number };
  /** Returns whether objects share the address. */
  has(mac: MacAddress): boolean;
}

export function createReportedCollisions(): ReportedCollisions {
  const known = new Map<MacAddress, ReadonlySet<string>>();
  return {
    has: (mac) => known.has(mac),
    replace: (mac, uids, most) => {
      const before = known.get(mac) ?? new Set();
      const unreported = uids.filter((uid) => !before.has(uid));
      const fresh = new Set(unreported.slice(0, most));
      if (uids.length === 0) known.delete(mac);
      else known.set(mac, new Set(uids.filter((uid) => before.has(uid) || fresh.has(uid))));
      return { fresh, left: unreported.length - fresh.size };
    },
  };
}
