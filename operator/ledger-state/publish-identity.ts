import { macPools } from '../../kube/client/mac-resources.ts';
import type { NewCondition } from '../../kube/controller/conditions.ts';
import type { TicketOutcome } from '../../ledger/state/identity.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { publishException } from '../pool/conditions.ts';

const TYPE = 'ClusterIdentityShared';

/** Whether the ledger refuses the identity of this control plane, at least for now. */
export function isTicketRefused(outcome: TicketOutcome | undefined): boolean {
  return outcome === 'waiting' || outcome === 'shared';
}

/** Whether this control plane may begin to work. A new cluster has shown its first ticket, and registers next. */
export function isConfirmed(outcome: TicketOutcome | undefined): boolean {
  return outcome === 'accepted' || outcome === 'copied' || outcome === 'restored' || outcome === 'not_registered';
}

/** Sets the condition ClusterIdentityShared of every MacPool where it is or was true. */
export async function publishIdentity(
  outcome: TicketOutcome,
  { client, now, metrics, clusterId }: Pick<OperatorDeps, 'client' | 'now' | 'metrics' | 'clusterId'>,
): Promise<void> {
  const condition = identityCondition(outcome, clusterId);
  if (condition === undefined) return;
  metrics.identityShared(condition.status !== 'False');
  for (const pool of (await client.list(macPools)).items) await publishException(pool, condition, { client, now });
}

/** Returns the condition; `undefined` if nothing was decided. */
function identityCondition(outcome: TicketOutcome, clusterId: string): NewCondition | undefined {
  switch (outcome) {
    case 'accepted':
    case 'restored':
      return {
        type: TYPE,
        status: 'False',
        reason: 'Unique',
        message: 'No other control plane has the identity of this cluster',
      };
    case 'copied':
      return {
        type: TYPE,
        status: 'True',
        reason: 'Copied',
        message: `Another control plane has the identity of this cluster (${clusterId}), such as a copy of its etcd. This one goes on, and the other may not allocate or release. Then decide: ${decision(clusterId)}`,
      };
    case 'waiting':
      return {
        type: TYPE,
        status: 'Unknown',
        reason: 'Checking',
        message:
          'The identity of this cluster is from an older state of its etcd: a restored backup, or a copy. Nothing is allocated or released until it is known whether another control plane goes on, in about five minutes',
      };
    case 'shared':
      return {
        type: TYPE,
        status: 'True',
        reason: 'Newcomer',
        message: `Another control plane has the identity of this cluster (${clusterId}) and goes on with it. This one allocates and releases nothing until a person decides: ${decision(clusterId)}`,
      };
    default:
      return undefined;
  }
}

function decision(clusterId: string): string {
  return `give a copy that stays its own identity (chart value clusterId), then run \`rock-mac cluster continue ${clusterId} known\`. If only the newcomer is to stay, stop the other and run \`rock-mac cluster continue ${clusterId} newcomer\``;
}
