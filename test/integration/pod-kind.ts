import { z } from 'zod';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';

const schema = z.object({ metadata: objectMeta });
export type AnnotatedPod = z.infer<typeof schema>;

/** Pods as tests of the webhook look at them. */
export const annotatedPods: Resource<AnnotatedPod> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  schema,
};
