import { z } from 'zod';
import { objectMeta } from './objects.ts';
import type { Resource } from './resource.ts';

const definition = z.object({
  metadata: objectMeta,
  spec: z.object({ config: z.string().optional() }).optional(),
});

export type NetworkDefinition = z.infer<typeof definition>;

/** The networks of Multus, each with the configuration of its CNI plugins. */
export const networkDefinitions: Resource<NetworkDefinition> = {
  group: 'k8s.cni.cncf.io',
  version: 'v1',
  plural: 'network-attachment-definitions',
  kind: 'NetworkAttachmentDefinition',
  namespaced: true,
  schema: definition,
};
