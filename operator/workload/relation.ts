import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { findRecipient, type Recipient, type RecipientDeps } from '../stock/recipient.ts';
import { type Classification, classify } from './classify.ts';

/** A classification, where `stocked` is replaced by what the object's token says. */
export type Relation = Exclude<Classification, 'stocked'> | Recipient;

/** Finds the relation between an address on a live object and the ledger's row of that address. */
export async function findRelation(
  address: WorkloadAddress,
  row: AddressRow | undefined,
  deps: RecipientDeps,
): Promise<Relation> {
  const classification = classify(address, row);
  if (classification !== 'stocked') return classification;
  return row === undefined ? 'ungranted' : await findRecipient(address, row, deps);
}
