import { namespaces } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isStillUsed, type WorkloadAddress } from '../live/live-address.ts';
import { reportConflict, type ReportConflictDeps } from '../observation/report-conflict.ts';
import { type BindDeps, mirrorAndBind } from './bind.ts';

export type InheritDeps = BindDeps & ReportConflictDeps;

/**
 * Moves an address from a deleted machine to the machine that was made again under its name. A namespace that was deleted
 * and created again belongs to other people, so its machines inherit nothing.
 */
export async function inherit(
  address: WorkloadAddress,
  row: AddressRow,
  deps: InheritDeps,
): Promise<'kept' | 'contested'> {
  if (!(await isStillUsed(address, deps.client))) return 'kept';
  const namespace = await getOrUndefined(namespaces, { name: address.owner.namespace }, deps.client);
  const since = Date.parse(namespace?.metadata.creationTimestamp ?? '');
  if (since <= row.allocatedAt.getTime()) {
    await mirrorAndBind(address, row, deps);
    return 'kept';
  }
  reportConflict(address, row, deps);
  return 'contested';
}
