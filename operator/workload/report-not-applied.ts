import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { consumerRefOf } from '../live/workload.ts';

/** Records an Event on a pod that reports an address which its networks do not have. */
export function reportNotApplied(
  { workload, kind, mac, owner }: WorkloadAddress,
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  const { apiVersion, kind: kindName } = consumerRefOf(workload, owner.nic, kind);
  const note = `${mac} on interface ${owner.nic} is in annotation ${ANNOTATIONS.addresses} and not in ${NETWORKS_ANNOTATION}, so the interface may have another address. Find the admission plugin that changed the networks, and create the pod again`;
  events.record(
    { apiVersion, kind: kindName, metadata: workload.metadata },
    { type: 'Warning', reason: 'AddressNotApplied', action: 'Compare', note },
  );
}
