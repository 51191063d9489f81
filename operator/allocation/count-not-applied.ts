import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isNotApplied } from './applied.ts';

/**
 * Returns how many addresses are not on the interface that they were given to, by the kind of the object. A sticky claim keeps what
 * was last said about its workload, which counts while the workload exists.
 */
export function countNotApplied({
  allocations,
  workloads,
  kinds,
}: Pick<Sources, 'allocations' | 'workloads'> & Pick<OperatorDeps, 'kinds'>): ReadonlyMap<string, number> {
  const counts = new Map(kinds.map(({ resource }) => [resource.kind, 0]));
  for (const allocation of allocations.list()) {
    if (!isNotApplied(allocation)) continue;
    const kind = kindOf(allocation, workloads);
    const count = counts.get(kind ?? '');
    if (kind !== undefined && count !== undefined) counts.set(kind, count + 1);
  }
  return counts;
}

function kindOf({ metadata, spec, status }: MacAllocation, workloads: Sources['workloads']): string | undefined {
  const { kind, name } = spec.consumerRef ?? status?.consumer ?? spec.stickyFor ?? {};
  if (spec.stickyFor === undefined || kind === undefined || name === undefined) return kind;
  const key = formatKey({ namespace: metadata.namespace, name });
  return workloads.get(kind)?.cache.get(key) === undefined ? undefined : kind;
}
