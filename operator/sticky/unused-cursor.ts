import type { MacAddress } from '../../mac/mac-address.ts';

/** Remembers which unused sticky address a resync looked at last, so that the next resync goes on behind it. Each leader run has one. */
export interface UnusedCursor {
  /** `undefined` before the first address. */
  position(): MacAddress | undefined;
  moveTo(address: MacAddress | undefined): void;
}

export function createUnusedCursor(): UnusedCursor {
  let current: MacAddress | undefined;
  return {
    position: () => current,
    moveTo: (address) => {
      current = address;
    },
  };
}
