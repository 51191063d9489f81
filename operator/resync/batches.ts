import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMacs } from '../../ledger/address/find.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/** Limits the rows of one ledger call. All rows of a large cluster at once would take more memory than its objects. */
const BATCH_SIZE = 500;

/** Yields the items in their order, in batches of at most 500. */
export function* inBatches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += BATCH_SIZE) yield items.slice(start, start + BATCH_SIZE);
}

/** Returns the ledger's rows of these addresses by address. Addresses that were never used have no row. */
export async function findRowsByMac(
  macs: readonly MacAddress[],
  { ledger }: Pick<OperatorDeps, 'ledger'>,
): Promise<ReadonlyMap<MacAddress, AddressRow>> {
  return new Map((await findByMacs(ledger, macs)).map((row) => [row.mac, row]));
}
