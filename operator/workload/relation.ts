import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { findRequester } from '../stock/requester.ts';
import { type Classification, classify } from './classify.ts';

/**
 * A classification, where `stocked` is replaced by:
 * - a requester: a webhook answered with the address for the object, which this user had created.
 * - `later`: a webhook may still report that it answered with it.
 * - `set-aside`: it is in the stock of a webhook, and the object has no right to it.
 */
export type Relation = Exclude<Classification, 'stocked'> | { readonly requester: string } | 'later' | 'set-aside';

export type RelationDeps = Pick<OperatorDeps, 'stockTokens' | 'now'>;

/** A webhook reports an answer to the ledger after two seconds. The rest is for the write, and for clocks that differ. */
const REPORT_MS = 10_000;

/** Finds the relation between an address on a live object and the ledger's row of that address. */
export async function findRelation(
  address: WorkloadAddress,
  row: AddressRow | undefined,
  deps: RelationDeps,
): Promise<Relation> {
  const classification = classify(address, row);
  if (classification !== 'stocked') return classification;
  const requester = row === undefined ? undefined : await findRequester(address, row, deps);
  if (requester !== undefined) return { requester };
  const withoutToken = classify({ ...address, stockToken: undefined }, row);
  if (withoutToken !== 'stocked') return withoutToken;
  const createdAt = Date.parse(address.workload.metadata.creationTimestamp ?? '');
  return deps.now().getTime() - createdAt < REPORT_MS ? 'later' : 'set-aside';
}
