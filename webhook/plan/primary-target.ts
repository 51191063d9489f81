import { ANNOTATIONS } from '../../api/names.ts';
import { PRIMARY_MAC_ANNOTATIONS, PRIMARY_NIC } from '../../api/pod-nics.ts';
import type { Annotations } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { InterfaceRequest } from './decide-interfaces.ts';

/** The interfaces of a pod that one reader of its annotations creates: Multus, or the CNI of the cluster. */
export interface PodTarget {
  readonly requests: readonly InterfaceRequest[];
  /** Returns the annotations that pass the addresses on. `macs[i]` is for `requests[i]`; absent: none of ours. */
  annotations(macs: readonly (MacAddress | undefined)[]): Readonly<Record<string, string>>;
}

/** A pod does not show which CNI its cluster has, so it is a setting of the installation. */
export const PRIMARY_CNIS = ['none', 'calico', 'cilium', 'kube-ovn', 'ovn-kubernetes'] as const;
export type PrimaryCni = (typeof PRIMARY_CNIS)[number];

export function primaryTarget(annotations: Annotations, cni: keyof typeof PRIMARY_MAC_ANNOTATIONS): PodTarget {
  const key = PRIMARY_MAC_ANNOTATIONS[cni];
  return {
    requests: [{ nic: PRIMARY_NIC, writtenMac: annotations[key], wantsAddress: true }],
    annotations: ([mac]) => (mac === undefined ? {} : { [key]: mac }),
  };
}

/** A pod that opted in without a network to inject into: software in it, such as an emulator, reads our annotation. */
export const annotationOnly: PodTarget = {
  requests: [
    {
      nic: PRIMARY_NIC,
      wantsAddress: true,
      warning: `this pod has no network to inject into; its address is in the annotation ${ANNOTATIONS.addresses} only`,
    },
  ],
  annotations: () => ({}),
};
