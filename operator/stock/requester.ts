import type { StockClaims } from '../../api/stock-token.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isStockKey } from '../../ledger/address/holder-key.ts';
import { storableText } from '../../ledger/column-schemas.ts';
import type { LiveAddress, WorkloadAddress } from '../live/live-address.ts';
import type { StockTokens } from './stock-tokens.ts';

/**
 * Returns whether an address is in the stock of a webhook of this cluster, or was and nobody has got it since. Of two answers for
 * one object, the second has the object as its owner and keeps the key of the stock.
 */
export function isOfStock({ key, owner }: Pick<AddressRow, 'key' | 'owner'>, { owner: user }: LiveAddress): boolean {
  if (owner === undefined || !isStockKey(key) || owner.clusterId !== user.clusterId) return false;
  return owner.kind === 'Webhook' || (owner.kind === user.kind && owner.namespace === user.namespace);
}

/**
 * Returns for whom a webhook answered with an address of a stock, if the token of its object proves that. Throws if the keys of
 * the tokens cannot be read.
 */
export async function findRequester(
  address: WorkloadAddress,
  row: AddressRow,
  { stockTokens }: { readonly stockTokens: StockTokens },
): Promise<string | undefined> {
  const { owner, stockToken, workload } = address;
  if (stockToken === undefined || workload.skippedAdmission === true) return undefined;
  const claims = await stockTokens.read(stockToken.text, { ...owner, generateName: stockToken.generateName });
  return claims !== undefined && isAbout(address, row, claims) ? claims.requester : undefined;
}

/** The clocks of a webhook, of the API server and of the ledger may differ by this much. */
const MAX_SKEW_MS = 300_000;

/**
 * Returns whether a webhook signed that it answered with this address for this interface when the object was created. The ledger may
 * have lost that. Whoever kept a token of an earlier object of the name must not get the address. Throws if the keys cannot be read.
 */
export async function hasTokenOfCreation(
  { mac, owner, stockToken, workload }: WorkloadAddress,
  { stockTokens }: { readonly stockTokens: StockTokens },
): Promise<boolean> {
  if (stockToken === undefined || workload.skippedAdmission === true) return false;
  const claims = await stockTokens.read(stockToken.text, { ...owner, generateName: stockToken.generateName });
  if (claims?.addresses[owner.nic] !== mac) return false;
  const createdAt = Date.parse(workload.metadata.creationTimestamp ?? '');
  return Math.abs(Date.parse(claims.at) - createdAt) <= MAX_SKEW_MS;
}

const requesterSchema = storableText(1024);

/**
 * Returns whether a token says that the webhook answered with this address, for this interface, out of this stock. A token that is
 * older than the stock is of an earlier owner. Whoever kept it must not get the address again.
 */
function isAbout(
  { mac, owner }: LiveAddress,
  { allocatedAt }: AddressRow,
  { addresses, at, requester }: StockClaims,
): boolean {
  if (addresses[owner.nic] !== mac || !requesterSchema.safeParse(requester).success) return false;
  return Date.parse(at) >= allocatedAt.getTime() - MAX_SKEW_MS;
}
