import type { MacPrefix } from '../../mac/mac-range.ts';
import type { WorkloadKind } from './workload.ts';
import { podWorkload } from './pod.ts';
import { virtualMachineWorkload } from './virtual-machine.ts';
import { virtualMachineInstanceWorkload } from './virtual-machine-instance.ts';

/** Every kind of object that can carry an address of ours. To add a kind, write its file and add its row here. */
export function workloadKinds(prefix: MacPrefix): readonly WorkloadKind[] {
  return [podWorkload(prefix), virtualMachineWorkload(prefix), virtualMachineInstanceWorkload(prefix)];
}
