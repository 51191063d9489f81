import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { leaseKey } from '../../ledger/address/holder-key.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { type AddressRequest, sameInterface } from '../plan/plan.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';

/*
 * The API server sends an object again when another admission plugin changed it after us. A new object that was
 * copied from a stored one looks the same: both bring along addresses that the webhook wrote. So the ledger decides.
 */

export interface EarlierAdmissionDeps {
  readonly ledger: Queryable;
  readonly clusterId: string;
}

/**
 * Decides about the addresses that the object brings along. An object with a name keeps an address that an earlier admission
 * gave to that name: the API server stores only one object of a name. An object without a name gets a new address, unless
 * its lease id is of this very request: then the key repeats, and the ledger returns the same address.
 */
export async function resolveEarlierAddresses(
  requests: readonly AddressRequest[],
  object: AdmittedObject,
  deps: EarlierAdmissionDeps,
  deadline: number,
): Promise<readonly AddressRequest[]> {
  return await Promise.all(requests.map((request) => resolveEarlierAddress(request, object, deps, deadline)));
}

async function resolveEarlierAddress(
  { copied, ...request }: AddressRequest,
  object: AdmittedObject,
  deps: EarlierAdmissionDeps,
  deadline: number,
): Promise<AddressRequest> {
  const { nic, requested, claim } = request;
  if (claim !== undefined) return request;
  if (copied !== undefined) {
    const row = object.name === '' ? undefined : await findRow(copied, deps, deadline);
    const isOwn = row !== undefined && isHandedToName(row, nic, object, deps.clusterId);
    return isOwn ? { ...sameInterface(request), requested: copied } : request;
  }
  if (requested === undefined || object.broughtLease === undefined) return request;
  const row = await findRow(requested, deps, deadline);
  return row !== undefined && isHandedToLease(row, nic, object, deps.clusterId) ? sameInterface(request) : request;
}

async function findRow(
  mac: MacAddress,
  { ledger }: EarlierAdmissionDeps,
  deadline: number,
): Promise<AddressRow | undefined> {
  try {
    return await within(timeLeft(deadline), findByMac(ledger, mac));
  } catch (error) {
    // The allocation that follows fails too, and is refused with the reason.
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

/**
 * Returns whether admission gave the address, or the claim that holds it, to this interface of the object's name, and no
 * stored object has taken it over yet.
 */
export function isHandedToName(
  { state, owner, consumer }: Pick<AddressRow, 'state' | 'owner' | 'consumer'>,
  nic: string,
  { kind, namespace, name }: AdmittedObject,
  clusterId: string,
): boolean {
  if (owner?.clusterId !== clusterId || name === '') return false;
  const isClaim = owner.kind === 'MacAllocation';
  const user = isClaim ? consumer : owner;
  const isUnbound = user?.uid === undefined && (isClaim || state === 'pending');
  return isUnbound && isEqual([owner.namespace, user?.kind, user?.name, user?.nic], [namespace, kind, name, nic]);
}

/** Returns whether admission gave the address to this interface under the lease id that the object brings along. */
function isHandedToLease(
  { state, key, owner }: AddressRow,
  nic: string,
  { kind, namespace, broughtLease = '' }: AdmittedObject,
  clusterId: string,
): boolean {
  const found = [state, owner?.clusterId, owner?.namespace, owner?.kind, key];
  return isEqual(found, ['pending', clusterId, namespace, kind, leaseKey(broughtLease, nic)]);
}

function isEqual(found: readonly (string | undefined)[], wanted: readonly string[]): boolean {
  return wanted.every((value, index) => found[index] === value);
}
