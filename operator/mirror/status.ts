import type { MacAllocationStatus } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Condition } from '../../kube/client/objects.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { LiveAddress } from '../live/live-address.ts';

const BOUND = {
  status: 'True',
  reason: 'Bound',
  message: 'The operator has seen the object that uses this address',
} as const;

const NOT_IN_NETWORKS = {
  status: 'True',
  reason: 'NotInNetworks',
  message:
    'The networks of the pod do not have this address, so its interface may have another. Find the admission plugin that changed them, and create the pod again',
} as const;

const APPLIED = { status: 'True', reason: 'Applied', message: 'The interface has this address' } as const;

type Checked = Pick<LiveAddress, 'isOnlyReported' | 'actualMac'>;
type Report = Pick<Condition, 'status' | 'reason' | 'message'>;

/** A mirror says these only if it said otherwise before. */
const RIGHT: ReadonlySet<Report> = new Set<Report>([BOUND, APPLIED]);

/**
 * Returns the status of a mirror. It stays empty until an address is not in the networks of its object, or its interface has
 * another one, because a status costs the API server as much as the mirror itself.
 */
export function mirrorStatus(
  { metadata, status = {} }: Pick<MacAllocation, 'metadata' | 'status'>,
  address: Checked,
  { now }: Pick<OperatorDeps, 'now'>,
): MacAllocationStatus {
  const { generation: observedGeneration } = metadata;
  const before = status.conditions ?? [];
  const reports: readonly (readonly [type: string, report: Report])[] = [
    ['Bound', address.isOnlyReported === true ? NOT_IN_NETWORKS : BOUND],
    ['Applied', appliedOf(address)],
  ];
  const changed = reports
    .filter(([type, report]) => !RIGHT.has(report) || findCondition(before, type) !== undefined)
    .reduce<readonly Condition[]>(
      (conditions, [type, report]) => setCondition(conditions, { type, ...report, observedGeneration }, now()),
      before,
    );
  return changed === before ? status : { ...status, conditions: [...changed] };
}

function appliedOf({ actualMac }: Checked): Report {
  if (actualMac === undefined) return APPLIED;
  const message = `The interface has ${actualMac}: the network plugin ignored the address that it was given. Check webhook.primaryCni and what the plugin supports, and create the pod again`;
  return { status: 'False', reason: 'PluginIgnoredAddress', message };
}
