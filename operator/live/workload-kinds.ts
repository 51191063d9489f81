import type { Prefixes } from '../../mac/mac-range.ts';
import { podWorkload } from './pod.ts';
import { virtualMachineWorkload } from './virtual-machine.ts';
import { virtualMachineInstanceWorkload } from './virtual-machine-instance.ts';
import type { WorkloadKind } from './workload.ts';

/** Returns every kind of object that can use an address of ours. To add a kind, write its file and add it here. */
export function workloadKinds(prefixes: () => Prefixes): readonly WorkloadKind[] {
  return [podWorkload(prefixes), virtualMachineWorkload(prefixes), virtualMachineInstanceWorkload(prefixes)];
}
