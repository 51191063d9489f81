import type { Pool } from '../../ledger/pool/pools.ts';
import type { Prefixes } from '../../mac/mac-range.ts';

/**
 * Returns the data of the ConfigMap with the address ranges. The policies for stray addresses read it, and CEL has no parser
 * for anything richer: the prefixes are separated by spaces, and each pool is a line `name first last`.
 */
export function formatAddressRanges(
  prefixes: Prefixes,
  pools: readonly Pick<Pool, 'name' | 'first' | 'last'>[],
): Readonly<Record<string, string>> {
  return {
    prefixes: prefixes.join(' '),
    pools: pools.map(({ name, first, last }) => `${name} ${first} ${last}`).join('\n'),
  };
}
