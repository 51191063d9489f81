import { z } from 'zod';

/*
 * The common parts of all Kubernetes objects. zod strips unknown keys, so unused fields do not stay in memory:
 * managedFields alone is often half of an object.
 */

export const ownerReference = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: z.boolean().optional(),
  blockOwnerDeletion: z.boolean().optional(),
});

export const objectMeta = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.number().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  finalizers: z.array(z.string()).optional(),
  ownerReferences: z.array(ownerReference).optional(),
});
export type ObjectMeta = z.infer<typeof objectMeta>;

/** Any object that the API server stores. */
export interface KubeObject {
  readonly metadata: ObjectMeta;
}

/** The key of an object; only cluster-scoped kinds have no `namespace`. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Returns the key of caches and work queues: `namespace/name`, or `name` for a cluster-scoped object. */
export function keyOf(object: { readonly metadata: ObjectKey }): string {
  return formatKey(object.metadata);
}

export function formatKey({ namespace, name }: ObjectKey): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Parses the result of `keyOf`. Neither a namespace nor a name can contain a slash. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** metav1.Condition */
export const condition = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.number().optional(),
  lastTransitionTime: z.string(),
});
export type Condition = z.infer<typeof condition>;
