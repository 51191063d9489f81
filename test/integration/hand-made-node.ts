import { setTimeout as sleep } from 'node:timers/promises';
import { toMicroTime, toTime } from '../../kube/controller/timestamps.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';

/** A Node and its Lease without a kubelet. */
export interface HandMadeNode {
  readonly name: string;
  /** Renews the Lease, by a clock of its own that has gone on for so many seconds since the last renewal. */
  renewLease(seconds: number): Promise<void>;
  /** Reports the condition Ready from now on, by the same clock. */
  setReady(status: 'True' | 'False' | 'Unknown'): Promise<void>;
}

/** The Lease of a node that may be silent for so long that a few renewals are enough for a contact of minutes. */
export const SLOW_LEASE = { leaseSeconds: 400 };

/** Renews a slow Lease until the check holds, which an operator makes every three seconds. */
export async function stayInContact(node: HandMadeNode, isOver: () => Promise<boolean>): Promise<void> {
  for (let renewal = 0; renewal < 15; renewal++) {
    await node.renewLease(60);
    await sleep(4_000);
    if (await isOver()) return;
  }
  throw new Error('the node was in contact for 15 minutes of its clock');
}

/** Creates a node that has been Ready for an hour, and whose clock is a year behind. */
export async function createNode(
  { kubectl }: ControlPlane,
  name: string,
  { leaseSeconds = 40 }: { readonly leaseSeconds?: number } = {},
): Promise<HandMadeNode> {
  let renewedAt = Date.now() - 365 * 86_400_000;
  const lease = () => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: leaseSeconds,
      renewTime: toMicroTime(new Date(renewedAt)),
    },
  });
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
  for (const object of [node, lease()]) await kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const report = async (status: string, since: number) => {
    const times = {
      lastHeartbeatTime: toTime(new Date(renewedAt)),
      lastTransitionTime: toTime(new Date(since)),
    };
    const ready = { type: 'Ready', status, reason: 'Test', message: '', ...times };
    const body = JSON.stringify({ status: { conditions: [ready] } });
    await kubectl(['patch', 'node', name, '--subresource=status', '--type=merge', '-p', body]);
  };
  await report('True', renewedAt - 3_600_000);
  return {
    name,
    renewLease: async (seconds) => {
      renewedAt += seconds * 1_000;
      await kubectl(['apply', '-f', '-'], { input: JSON.stringify(lease()) });
    },
    setReady: (status) => report(status, renewedAt),
  };
}
