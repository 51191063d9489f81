import type { StickyFor } from '../../api/mac-allocation.ts';
import { ordinalOf, retentionOf, stickyControllerOf } from '../../api/sticky.ts';
import type { ObjectMeta } from '../../kube/client/objects.ts';
import type { InternString } from '../../kube/controller/string-interning.ts';

/** The place of a workload among the numbered replicas of its controller, and what happens to its sticky addresses without it. */
export type Replica = Required<Pick<StickyFor, 'controller' | 'ordinal'>> & Pick<StickyFor, 'retention'>;

/** Returns the place of a workload that has a number and a controller. Only its sticky addresses need it, if it has any. */
export function replicaOf(metadata: ObjectMeta, intern: InternString): { readonly replica?: Replica } {
  const controller = stickyControllerOf(metadata);
  const ordinal = ordinalOf(metadata);
  if (controller === undefined || ordinal === undefined) return {};
  const { apiVersion, kind, name } = controller;
  const retention = retentionOf(metadata.annotations);
  return {
    replica: {
      controller: { apiVersion: intern(apiVersion), kind: intern(kind), name: intern(name) },
      ordinal,
      ...(retention !== undefined && { retention }),
    },
  };
}
