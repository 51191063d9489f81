import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import { admissionKey, deviceKey } from '../../ledger/address/holder-key.ts';

export const CLUSTER = '0d9a54b4-6d1f-4c1a-9d6c-2c0b1f1f7f11';

const PODS_PER_NAMESPACE = 100;
const NAMESPACES_AT_ONCE = 4;

let asked = 0;

/** What admission asks for a pod of a Deployment. Four namespaces roll out at a time, with a hundred pods each. */
export function podRequest(pool: string): AllocationRequest {
  const n = asked++;
  const namespace = `team-${Math.floor(n / (PODS_PER_NAMESPACE * NAMESPACES_AT_ONCE))}-${n % NAMESPACES_AT_ONCE}`;
  const owner = { clusterId: CLUSTER, kind: 'Pod', namespace, name: `web-7d4b9c8f5-${n.toString(36)}`, nic: 'primary' };
  return {
    key: admissionKey({ ...owner, pool }),
    pool,
    state: 'pending',
    owner,
    requester: 'system:serviceaccount:kube-system:replicaset-controller',
    actor: 'webhook',
  };
}

/** What the command line asks for a device. */
export function deviceRequest(pool: string): AllocationRequest {
  const n = asked++;
  return {
    key: deviceKey(String(n)),
    pool,
    state: 'active',
    device: { id: `vm-${String(n)}`, type: 'qemu-vm' },
    requester: 'ada',
    actor: 'rock-mac',
  };
}
