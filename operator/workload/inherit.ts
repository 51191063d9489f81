import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isStillUsed, type WorkloadAddress } from '../live/live-address.ts';
import { isOfSameNamespace } from '../live/same-namespace.ts';
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
  if (await isOfSameNamespace(address, row, deps)) {
    await mirrorAndBind(address, row, deps);
    return 'kept';
  }
  reportConflict(address, row, deps);
  return 'contested';
}
