import { z } from 'zod';
import type { StickyFor } from '../../api/mac-allocation.ts';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { ControllerState } from './retention.ts';

interface NumberedReplicas extends KubeObject {
  readonly first: number;
  readonly count: number;
}

/** Both kinds have one replica where none is written: https://kubernetes.io/docs/reference/kubernetes-api/apps/stateful-set-v1/ */
const schema: z.ZodType<NumberedReplicas> = z
  .object({
    metadata: objectMeta,
    spec: z.object({
      replicas: z.number().nullish(),
      ordinals: z.object({ start: z.number().optional() }).nullish(),
    }),
  })
  .transform(({ metadata, spec }) => ({ metadata, first: spec.ordinals?.start ?? 0, count: spec.replicas ?? 1 }));

/** The kinds that are read. The operator has no right to read others, and their replicas may mean something else. */
const KINDS = [
  { group: 'apps', kind: 'StatefulSet', plural: 'statefulsets' },
  { group: 'pool.kubevirt.io', kind: 'VirtualMachinePool', plural: 'virtualmachinepools' },
] as const;

/** Returns the kind of a controller, in the version that its workload named. */
function resourceOf({
  apiVersion,
  kind,
}: NonNullable<StickyFor['controller']>): Resource<NumberedReplicas> | undefined {
  const [group = '', version = ''] = apiVersion.split('/');
  const known = KINDS.find((each) => each.group === group && each.kind === kind);
  return known && { ...known, version, namespaced: true, schema };
}

/** Reads the controllers of workloads by kind and name, each once: the next one of that name counts as the same. */
export type ControllerReader = (namespace: string, controller: StickyFor['controller']) => Promise<ControllerState>;

/** Creates the reader of one resync. One that cannot be read keeps its addresses, and does not end the resync. */
export function createControllerReader({ client, logger }: Pick<OperatorDeps, 'client' | 'logger'>): ControllerReader {
  const known = new Map<string, Promise<ControllerState>>();
  const read = async (
    namespace: string,
    controller: NonNullable<StickyFor['controller']>,
  ): Promise<ControllerState> => {
    const resource = resourceOf(controller);
    if (resource === undefined) return 'foreign';
    try {
      const found = await getOrUndefined(resource, { namespace, name: controller.name }, client);
      return found === undefined ? 'absent' : { first: found.first, count: found.count };
    } catch (error) {
      logger.warn(
        { err: error, namespace, kind: controller.kind, name: controller.name },
        'could not read the controller of sticky addresses',
      );
      return 'unknown';
    }
  };
  return (namespace, controller) => {
    if (controller === undefined) return Promise.resolve('none');
    const key = JSON.stringify([namespace, controller.apiVersion, controller.kind, controller.name]);
    const state = known.get(key) ?? read(namespace, controller);
    known.set(key, state);
    return state;
  };
}
