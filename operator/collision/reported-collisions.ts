import type { MacAddress } from '../../mac/mac-address.ts';

/** Remembers which objects have an Event about an address that they share. */
export interface ReportedCollisions {
  /** Takes the uids of all objects that share the address now. Returns those that did not when this was called last. */
  replace(mac: MacAddress, uids: readonly string[]): Set<string>;
  /** Returns whether objects share the address. */
  has(mac: MacAddress): boolean;
}

export function createReportedCollisions(): ReportedCollisions {
  const known = new Map<MacAddress, ReadonlySet<string>>();
  return {
    has: (mac) => known.has(mac),
    replace: (mac, uids) => {
      const before = known.get(mac);
      const now = new Set(uids);
      if (now.size === 0) known.delete(mac);
      else known.set(mac, now);
      return new Set(uids.filter((uid) => before?.has(uid) !== true));
    },
  };
}
