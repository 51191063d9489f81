import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { LiveAddress, WorkloadAddress } from '../live/live-address.ts';
import { eventSubjectOf } from '../live/workload.ts';

/**
 * Records an Event on a pod that was given an address which its interface may not have, or does not have. Does nothing for any
 * other address.
 */
export function reportNotApplied(address: WorkloadAddress, { events }: Pick<OperatorDeps, 'events'>): void {
  const note = problemOf(address);
  if (note === undefined) return;
  const { workload, kind } = address;
  events.record(eventSubjectOf({ workload, kind }), {
    type: 'Warning',
    reason: 'AddressNotApplied',
    action: 'Compare',
    note,
  });
}

function problemOf({ mac, owner: { nic }, isOnlyReported, actualMac }: LiveAddress): string | undefined {
  if (isOnlyReported === true) {
    return `${mac} on interface ${nic} is in annotation ${ANNOTATIONS.addresses} and not in ${NETWORKS_ANNOTATION}, so the interface may have another address. Find the admission plugin that changed the networks, and create the pod again`;
  }
  if (actualMac === undefined) return undefined;
  return `Interface ${nic} has ${actualMac} and not ${mac}, which was given to it, so the network plugin ignored that. Check webhook.primaryCni and what the plugin supports (docs/limits.md), and create the pod again`;
}
