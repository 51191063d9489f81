import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import { isUsedElsewhere } from './guest-elsewhere.ts';

interface Candidate {
  readonly object: AdmittedObject;
  readonly terms: Pick<NamespaceTerms, 'since'>;
  readonly deadline: number;
}

/**
 * Returns whether a new virtual machine inherits a held address: its namesake holds it, which was deleted and whose guest may
 * still run. GitOps and backups make a machine again like that, and KubeVirt then gives it the running instance. A guest that
 * migrated elsewhere has taken the address along.
 *
 * The ledger changes nothing here. While the first machine exists, the API server refuses a second one of its name. Once
 * the new one is stored, the operator moves the address to it.
 */
export async function isInherited(
  mac: MacAddress,
  candidate: Candidate,
  { ledger, clusterId }: { readonly ledger: Queryable; readonly clusterId: string },
): Promise<boolean> {
  const { kind, uid } = candidate.object;
  if (kind !== 'VirtualMachine' || uid !== undefined) return false;
  try {
    const row = await within(timeLeft(candidate.deadline), findByMac(ledger, mac));
    if (row === undefined || !isOfNamesake(row, candidate, clusterId)) return false;
    return !(await isUsedElsewhere(mac, candidate, { ledger, clusterId }));
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

/**
 * A namespace that was deleted and created again belongs to other people, so its machines inherit nothing. Neither does a
 * machine whose namesake offered the address to a receiver: the guest may run there.
 */
export function isOfNamesake(
  { state, handover, ...row }: Pick<AddressRow, 'state' | 'owner' | 'allocatedAt' | 'handover'>,
  candidate: Pick<Candidate, 'object' | 'terms'>,
  clusterId: string,
): boolean {
  return state === 'active' && handover === undefined && isOfName(row, candidate, clusterId);
}

/** Returns whether the owner of an address, or the last one of a released address, has the name of this object, in the same namespace. */
export function isOfName(
  { owner, allocatedAt }: Pick<AddressRow, 'owner' | 'allocatedAt'>,
  { object: { kind, namespace, name }, terms: { since } }: Pick<Candidate, 'object' | 'terms'>,
  clusterId: string,
): boolean {
  if (since === undefined || since > allocatedAt) return false;
  if (owner?.clusterId !== clusterId || owner.kind !== kind) return false;
  return owner.namespace === namespace && owner.name === name;
}
