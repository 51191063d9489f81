import type { ReportedNic } from '../../api/nic.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Condition } from '../../kube/client/objects.ts';
import { findCondition } from '../../kube/controller/conditions.ts';

/** The condition of a MacAllocation that says whether the interface has the address. */
export const APPLIED = 'Applied';

export type ConditionReport = Pick<Condition, 'status' | 'reason' | 'message'>;

const SEEN: ConditionReport = { status: 'True', reason: 'Applied', message: 'The interface has this address' };

const NOT_REPORTED: ConditionReport = {
  status: 'Unknown',
  reason: 'NotReported',
  message: 'The network of the interface does not report which address it has',
};

/** Returns what a MacAllocation says about its interface. */
export function appliedReport({ actualMac, isSeen }: ReportedNic): ConditionReport {
  if (actualMac === undefined) return isSeen === true ? SEEN : NOT_REPORTED;
  const message = `The interface has ${actualMac}: its network ignored the address that it was given. Check what the network plugin supports, and create the pod again, or restart the virtual machine`;
  return { status: 'False', reason: 'PluginIgnoredAddress', message };
}

/** Returns whether a MacAllocation says that its interface has another address. */
export function isNotApplied({ status }: Pick<MacAllocation, 'status'>): boolean {
  return findCondition(status?.conditions ?? [], APPLIED)?.status === 'False';
}
