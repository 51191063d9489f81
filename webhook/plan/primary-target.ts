import { ANNOTATIONS } from '../../api/names.ts';
import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import type { Annotations } from '../../kube/client/json-patch.ts';
import type { PodTarget } from './pod-target.ts';

/** CNIs of clusters that read the address of a pod's own interface from an annotation, and the key of that. */
const KEYS = {
  calico: 'cni.projectcalico.org/hwAddr',
  cilium: 'cni.cilium.io/mac-address',
} as const;

/** Which of them this cluster has cannot be seen from a pod, so that the installation says it. */
export const PRIMARY_CNIS = ['none', 'calico', 'cilium'] as const;
export type PrimaryCni = (typeof PRIMARY_CNIS)[number];

export function primaryTarget(annotations: Annotations, cni: Exclude<PrimaryCni, 'none'>): PodTarget {
  const key = KEYS[cni];
  return {
    requests: [{ nic: PRIMARY_NIC, given: annotations[key], gets: true }],
    annotations: ([mac]) => (mac === undefined ? {} : { [key]: mac }),
  };
}

/** Nothing to inject into, yet it asked: software in the pod (an emulator, say) reads the address from our annotation. */
export const annotationOnly: PodTarget = {
  requests: [
    {
      nic: PRIMARY_NIC,
      gets: true,
      warning: `this pod has no network to inject into; its address is in the annotation ${ANNOTATIONS.addresses} only`,
    },
  ],
  annotations: () => ({}),
};
