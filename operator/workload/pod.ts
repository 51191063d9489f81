import { z } from 'zod';
import { podNics } from '../../api/pod-nics.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { leaseOf, ownerOf, trimMetadata, type Workload, type WorkloadKind } from './workload.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';

/** The owner of a virt-launcher pod. This instance, or its VM, owns the pod's addresses. */
const LAUNCHED_BY = 'VirtualMachineInstance';

/** Returns the Pod kind. A finished pod never runs again, so it no longer uses its addresses. */
export function podWorkload(prefix: MacPrefix): WorkloadKind {
  const schema = z
    .object({ metadata: objectMeta, status: z.object({ phase: z.string().optional() }).optional() })
    .transform(({ metadata, status }): Workload => {
      const { namespace = '', annotations = {} } = metadata;
      const finished = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      const found = finished ? [] : podNics({ namespace, annotations }, prefix);
      const owner = ownerOf(metadata, LAUNCHED_BY);
      return {
        metadata: trimMetadata(metadata),
        nics: owner.runsFor === undefined ? found : [],
        observed: found.map(({ mac }) => mac),
        ...(finished && { finished }),
        ...leaseOf(metadata),
        ...owner,
      };
    });
  const resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, schema };
  return {
    resource,
    optional: false,
    // Ignores the current annotations: an interface keeps the address that it was created with.
    stillUses: async ({ namespace, name, uid }, client) => {
      const pod = await getOrUndefined(resource, { namespace, name }, client);
      return pod?.metadata.uid === uid && pod.finished !== true;
    },
  };
}
