import { z } from 'zod';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';

const KUBEVIRT = {
  group: 'kubevirt.io',
  version: 'v1',
  namespaced: true,
  schema: z.object({ metadata: objectMeta }),
} as const;

export const machines: Resource<KubeObject> = { ...KUBEVIRT, plural: 'virtualmachines', kind: 'VirtualMachine' };

export const instances: Resource<KubeObject> = {
  ...KUBEVIRT,
  plural: 'virtualmachineinstances',
  kind: 'VirtualMachineInstance',
};
