import type { AddressRow } from '../../ledger/address/address-row.ts';
import { unusedAddresses } from '../../ledger/sticky/unused.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/** Limits the rows of one ledger call. */
const PAGE = 1_000;

/**
 * Reads the unused sticky addresses of a cluster in a circle: those behind `start` first, then the others up to `start`. Returns at most
 * about `limit`.
 */
export async function readUnused(
  { start, limit }: { readonly start: MacAddress | undefined; readonly limit: number },
  deps: Pick<OperatorDeps, 'ledger' | 'clusterId'>,
): Promise<readonly AddressRow[]> {
  const behind = await readBehind(start, limit, deps);
  if (start === undefined || behind.length >= limit) return behind;
  const fromFirst = await readBehind(undefined, limit - behind.length, deps);
  return [...behind, ...fromFirst.filter(({ mac }) => macToNumber(mac) <= macToNumber(start))];
}

async function readBehind(
  start: MacAddress | undefined,
  limit: number,
  { ledger, clusterId }: Pick<OperatorDeps, 'ledger' | 'clusterId'>,
): Promise<AddressRow[]> {
  const rows: AddressRow[] = [];
  let page: readonly AddressRow[];
  do {
    page = await unusedAddresses(ledger, clusterId, { after: rows.at(-1)?.mac ?? start, limit: PAGE });
    rows.push(...page);
  } while (page.length === PAGE && rows.length < limit);
  return rows;
}
