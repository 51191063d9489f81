import type { MacAddress } from '../../mac/mac-address.ts';
import { podWorkload } from './pod.ts';
import { virtualMachineWorkload } from './virtual-machine.ts';
import { virtualMachineInstanceWorkload } from './virtual-machine-instance.ts';
import type { WorkloadKind } from './workload.ts';

/** Returns every kind of object that can use an address. To add a kind, write its file and add it here. */
export function workloadKinds(readsOwn?: (mac: MacAddress) => boolean): readonly WorkloadKind[] {
  return [podWorkload(readsOwn), virtualMachineWorkload(), virtualMachineInstanceWorkload()];
}
