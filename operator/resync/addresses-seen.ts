import type { MacAddress } from '../../mac/mac-address.ts';

/** The addresses that one live object or claim uses. */
export interface AddressUse {
  readonly macs: readonly MacAddress[];
  /** Those that another owner holds. */
  readonly contested: readonly MacAddress[];
}

/**
 * Returns the addresses whose owners may be alive. An address that only others than its owner use is not among them: that
 * use says nothing about the owner. A restored backup may give it to an object that was deleted since.
 */
export function addressesSeen(uses: readonly AddressUse[]): Set<MacAddress> {
  const seen = new Set<MacAddress>();
  for (const { macs, contested } of uses) {
    for (const mac of macs) if (!contested.includes(mac)) seen.add(mac);
  }
  return seen;
}
