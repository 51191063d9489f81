import { z } from 'zod';
import type { StickyFor } from '../../api/mac-allocation.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { customResourceDefinitions } from '../../kube/client/core-resources.ts';
import { isObjectName } from '../../kube/client/object-name.ts';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { ControllerState } from './retention.ts';

interface StoredController extends KubeObject {
  readonly state: ControllerState;
}

/** One replica where none is written: https://kubernetes.io/docs/reference/kubernetes-api/apps/stateful-set-v1/ */
const statefulSet: z.ZodType<StoredController> = z
  .object({
    metadata: objectMeta,
    spec: z.object({
      replicas: z.number().nullish(),
      ordinals: z.object({ start: z.number().optional() }).nullish(),
    }),
  })
  .transform(({ metadata, spec }) => ({
    metadata,
    state: { first: spec.ordinals?.start ?? 0, count: spec.replicas ?? 1 },
  }));

/**
 * A pool deletes any of its machines when it is scaled down, and makes the lowest number that is missing when it is scaled up
 * (https://kubevirt.io/user-guide/virtual_machines/pool/#scaling-down). So its numbers say nothing, only whether it has all its machines.
 */
const machinePool: z.ZodType<StoredController> = z
  .object({
    metadata: objectMeta,
    spec: z.object({ replicas: z.number().nullish() }),
    status: z.object({ replicas: z.number().nullish() }).nullish(),
  })
  .transform(({ metadata, spec, status }) => ({
    metadata,
    state: (status?.replicas ?? 0) >= (spec.replicas ?? 1) ? 'complete' : 'incomplete',
  }));

/** The kinds that are read. The operator has no right to read others, and their replicas may mean something else. */
const KINDS = [
  { group: 'apps', kind: 'StatefulSet', plural: 'statefulsets', schema: statefulSet },
  { group: 'pool.kubevirt.io', kind: 'VirtualMachinePool', plural: 'virtualmachinepools', schema: machinePool },
] as const;

type Controller = NonNullable<StickyFor['controller']>;

function groupOf({ apiVersion }: Controller): string {
  return apiVersion.split('/', 1)[0] ?? '';
}

/**
 * Returns a version of a kind that the server serves, or `undefined` if the kind does not exist. The version that a workload names
 * may be any text: everybody may write an owner, and nobody could know that one of an unknown version does not exist.
 */
async function servedVersion(
  { group, plural }: (typeof KINDS)[number],
  client: KubeClient,
): Promise<string | undefined> {
  if (group === 'apps') return 'v1';
  const definition = await client.find(customResourceDefinitions, { name: `${plural}.${group}` });
  return definition?.spec.versions.find(({ served }) => served)?.name;
}

/** Returns the kind of a controller that is read. */
function kindOf(controller: Controller): (typeof KINDS)[number] | undefined {
  const { kind, name } = controller;
  // Everybody may write an owner, with a name that no object can have.
  if (!isObjectName(name)) return undefined;
  return KINDS.find((each) => each.kind === kind && each.group === groupOf(controller));
}

/** Returns the state of a controller that does not have to be read, or `undefined`. */
export function stateWithoutReading(controller: StickyFor['controller']): 'none' | 'foreign' | undefined {
  if (controller === undefined) return 'none';
  return kindOf(controller) === undefined ? 'foreign' : undefined;
}

/** Reads the controllers of workloads by kind and name, each once: the next one of that name counts as the same. */
export type ControllerReader = (namespace: string, controller: StickyFor['controller']) => Promise<ControllerState>;

/** Creates the reader of one resync. One that cannot be read keeps its addresses, and does not end the resync. */
export function createControllerReader({ client, logger }: Pick<OperatorDeps, 'client' | 'logger'>): ControllerReader {
  const known = new Map<string, Promise<ControllerState>>();
  const read = async (namespace: string, controller: Controller): Promise<ControllerState> => {
    const known = kindOf(controller);
    if (known === undefined) return 'foreign';
    const { name } = controller;
    try {
      const version = await servedVersion(known, client);
      if (version === undefined) return 'absent';
      const resource: Resource<StoredController> = { ...known, version, namespaced: true };
      const found = await getOrUndefined(resource, { namespace, name }, client);
      return found?.state ?? 'absent';
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
    const key = JSON.stringify([namespace, groupOf(controller), controller.kind, controller.name]);
    const state = known.get(key) ?? read(namespace, controller);
    known.set(key, state);
    return state;
  };
}
