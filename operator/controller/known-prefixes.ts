import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPrefixes } from '../../ledger/pool/prefixes.ts';
import type { Prefixes } from '../../mac/mac-range.ts';

/** The prefixes of the ledger, as this process read them last. */
export interface KnownPrefixes {
  /** Empty before the first read. */
  readonly prefixes: () => Prefixes;
  /** Reads them again. */
  readonly readPrefixes: () => Promise<Prefixes>;
}

export function createKnownPrefixes(ledger: Queryable): KnownPrefixes {
  let known: Prefixes = [];
  return {
    prefixes: () => known,
    readPrefixes: async () => {
      known = (await listPrefixes(ledger)).map(({ prefix }) => prefix);
      return known;
    },
  };
}
