import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { eventSubjectOf } from '../live/workload.ts';

export type ReportConflictDeps = Pick<OperatorDeps, 'events' | 'clusterId'>;

/** Records an Event on an object that uses an address of another owner. Changes nothing of the object. */
export function reportConflict(
  { workload, kind, mac, owner }: WorkloadAddress,
  row: AddressRow,
  { events, clusterId }: ReportConflictDeps,
): void {
  const note = `${mac} on interface ${owner.nic} is held by ${describeHolder(row, clusterId)}, so two may use it at once. Give one of them another address`;
  events.record(eventSubjectOf({ workload, kind }), {
    type: 'Warning',
    reason: 'AddressConflict',
    action: 'Compare',
    note,
  });
}

/** Describes the holder without the names of other tenants. Only users who may read the ledger see those. */
function describeHolder({ owner, device, state }: AddressRow, clusterId: string): string {
  if (owner === undefined) {
    return device === undefined ? `an unknown owner (${state})` : 'a device outside the cluster';
  }
  if (state === 'stocked') return 'a webhook of another cluster, which may give it to any pod';
  return owner.clusterId === clusterId ? `a ${owner.kind}` : `a ${owner.kind} of another cluster`;
}
