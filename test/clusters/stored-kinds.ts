import { z } from 'zod';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';

const pod = z.object({ metadata: objectMeta, status: z.object({ phase: z.string().optional() }).optional() });
export type StoredPod = z.infer<typeof pod>;

export const pods: Resource<StoredPod> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  schema: pod,
};

/** The annotation in which Multus reads the networks of a pod, and the webhook writes their addresses. */
export const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
