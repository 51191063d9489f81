import type { MacPrefix } from '../mac/mac-range.ts';
import type { CarrierKind } from './carrier.ts';
import { podCarrier } from './pod-carrier.ts';
import { vmCarrier } from './vm-carrier.ts';
import { vmiCarrier } from './vmi-carrier.ts';

/** Every kind of object that can carry an address of ours. To add a kind, write its file and add its row here. */
export function carrierKinds(prefix: MacPrefix): readonly CarrierKind[] {
  return [podCarrier(prefix), vmCarrier(prefix), vmiCarrier(prefix)];
}
