import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { eventSubjectOf } from '../live/workload.ts';

/**
 * Records an Event on an object that was given an address which its interface may not have, or does not have. Does nothing for any
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

function problemOf(address: WorkloadAddress): string | undefined {
  const { mac, owner, isOnlyReported, reported } = address;
  if (isOnlyReported === true) {
    return `${mac} on interface ${owner.nic} is in annotation ${ANNOTATIONS.addresses} and not in ${NETWORKS_ANNOTATION}, so the interface may have another address. Find the admission plugin that changed the networks, and create the pod again`;
  }
  if (reported?.actualMac === undefined) return undefined;
  return `Interface ${owner.nic} has ${reported.actualMac} and not ${mac}, which was given to it. ${nextStepFor(address)}`;
}

function nextStepFor({ owner: { kind, nic } }: WorkloadAddress): string {
  if (kind !== 'Pod') {
    return 'The network plugin ignored that, or the guest changed it. Check what the plugin supports (docs/limits.md), and restart the virtual machine';
  }
  const settings = nic === PRIMARY_NIC ? 'webhook.primaryCni and what it supports' : 'what it supports';
  return `The network plugin ignored that. Check ${settings} (docs/limits.md), and create the pod again`;
}
