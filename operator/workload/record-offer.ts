import type { ReceiverTarget } from '../../api/transfer-target.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { offer } from '../../ledger/address/handover.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { describeAddress, isStored, type WorkloadAddress } from '../live/live-address.ts';
import { eventSubjectOf } from '../live/workload.ts';

export type RecordOfferDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId' | 'events' | 'logger'>;

/**
 * Records in the ledger to whom a machine offers an address of its own, as its annotation says. The ledger remembers that when
 * the machine and its annotation are gone. A machine that uses an address again that it has left offers it anew, or no longer.
 */
export async function recordOffer(address: WorkloadAddress, row: AddressRow, deps: RecordOfferDeps): Promise<void> {
  const { ledger, client, clusterId, logger } = deps;
  const { mac, owner, workload } = address;
  const { offersTo } = workload;
  if (isRecorded(offersTo, row)) return;
  // The cache may still have a machine that has just ended and has left the address.
  if (row.handover?.ended === true && !(await isStored(address, client))) return;
  const key = boundKey({ ...owner, nic: row.owner?.nic ?? owner.nic, mac });
  const to = offersTo && { cluster: clusterId, ...offersTo };
  const [result] = await offer(ledger, [{ mac, generation: row.generation, key, to }]);
  logger.info(
    { ...describeAddress(address), receiver: to?.asked, outcome: result?.outcome },
    'offer of an address recorded',
  );
  const problem = CLUSTER_PROBLEMS.get(result?.outcome);
  if (problem !== undefined) reportNotOffered(address, problem, deps);
}

/** What is wrong with the cluster that the annotation names. */
const CLUSTER_PROBLEMS: ReadonlyMap<string | undefined, string> = new Map([
  ['unknown_cluster', 'which the ledger does not know. Write the name or the id of a cluster of this ledger'],
  ['ambiguous_cluster', 'which is the name of several clusters of this ledger. Write the id of the cluster'],
]);

/** Returns whether the ledger has what the annotation of a machine says about its address. */
export function isRecorded(offersTo: ReceiverTarget | undefined, { handover }: Pick<AddressRow, 'handover'>): boolean {
  return handover?.asked === offersTo?.asked && handover?.ended !== true;
}

function reportNotOffered(
  { workload, kind, mac, owner: { nic } }: WorkloadAddress,
  problem: string,
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  const note = `${mac} on interface ${nic} is offered to cluster ${workload.offersTo?.cluster ?? ''}, ${problem}`;
  events.record(eventSubjectOf({ workload, kind }), {
    type: 'Warning',
    reason: 'AddressNotOffered',
    action: 'Offer',
    note,
  });
}
