import { toMicroTime, toTime } from '../../kube/controller/timestamps.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';

/** A Node and its Lease without a kubelet. */
export interface HandMadeNode {
  readonly name: string;
  /** Renews the Lease, by a clock of its own that has gone on for so many seconds since the last renewal. */
  renewLease(seconds: number): Promise<void>;
}

/** Creates a node that has been Ready for an hour, and whose clock is a year behind. */
export async function createNode({ kubectl }: ControlPlane, name: string): Promise<HandMadeNode> {
  let renewedAt = Date.now() - 365 * 86_400_000;
  const lease = () => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: 40,
      renewTime: toMicroTime(new Date(renewedAt)),
    },
  });
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
  for (const object of [node, lease()]) await kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const times = {
    lastHeartbeatTime: toTime(new Date(renewedAt)),
    lastTransitionTime: toTime(new Date(renewedAt - 3_600_000)),
  };
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: '', ...times };
  const status = JSON.stringify({ status: { conditions: [ready] } });
  await kubectl(['patch', 'node', name, '--subresource=status', '--type=merge', '-p', status]);
  return {
    name,
    renewLease: async (seconds) => {
      renewedAt += seconds * 1_000;
      await kubectl(['apply', '-f', '-'], { input: JSON.stringify(lease()) });
    },
  };
}
