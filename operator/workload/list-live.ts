import type { Workload, WorkloadKind } from './workload.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { listOrEmpty } from '../../kube/client/uncached-read.ts';

export interface LiveWorkload {
  readonly kind: WorkloadKind;
  readonly workload: Workload;
}

/**
 * Every object of the cluster that shows an address of ours or a lease id, of all kinds, each read page by page from the
 * API server's store. All of it or an error, never a part: what is not in here is taken for absent by who calls this.
 */
export async function listLiveWorkloads(
  { kinds, client }: OperatorDeps,
  copyOf: (object: LiveWorkload) => Workload | undefined = () => undefined,
): Promise<readonly LiveWorkload[]> {
  const keep = ({ observed, lease }: Workload) => observed.length > 0 || lease !== undefined;
  const found: LiveWorkload[] = [];
  for (const kind of kinds) {
    // What is in memory already, in this very state, is not kept a second time.
    const known = (workload: Workload) => {
      const copy = copyOf({ kind, workload });
      return copy?.metadata.resourceVersion === workload.metadata.resourceVersion ? copy : undefined;
    };
    for (const workload of await listOrEmpty(kind.resource, client, { keep, known })) found.push({ kind, workload });
  }
  return found;
}
