import type { MacPrefix } from '../../mac/mac-range.ts';
import type { CarrierKind } from './workload.ts';
import { podCarrier } from './pod.ts';
import { vmCarrier } from './virtual-machine.ts';
import { vmiCarrier } from './virtual-machine-instance.ts';

/** Every kind of object that can carry an address of ours. To add a kind, write its file and add its row here. */
export function carrierKinds(prefix: MacPrefix): readonly CarrierKind[] {
  return [podCarrier(prefix), vmCarrier(prefix), vmiCarrier(prefix)];
}
