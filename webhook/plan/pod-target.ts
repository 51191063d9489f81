import type { MacAddress } from '../../mac/mac-address.ts';
import type { InterfaceRequest } from './decide-interfaces.ts';

/** Interfaces of a pod that one reader of its annotations makes: Multus, or the CNI of the cluster. */
export interface PodTarget {
  readonly requests: readonly InterfaceRequest[];
  /** The annotations that tell that reader of the addresses; `macs[i]` is for `slots[i]`, absent: none of ours. */
  annotations(macs: readonly (MacAddress | undefined)[]): Readonly<Record<string, string>>;
}
