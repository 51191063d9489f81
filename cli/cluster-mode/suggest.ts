import { macOf } from '../../api/mac-allocation.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { Scope } from './scope.ts';

/** Limits the MacAllocations that one completion reads, so that it stays fast in large namespaces. */
const MAX_READ = 500;

/** Returns addresses and devices of MacAllocations that begin with `prefix`. */
export async function suggest(
  prefix: string,
  limit: number,
  { client, namespace, allNamespaces }: Scope,
): Promise<{ readonly text: string; readonly description: string }[]> {
  const where = allNamespaces ? {} : { namespace };
  const { items } = await client.list(macAllocations, { ...where, pageSize: MAX_READ, attempts: 1 });
  const macs = items.flatMap((item) => macOf(item) ?? []).map((text) => ({ text, description: 'address' }));
  const devices = new Set(items.flatMap(({ spec }) => spec.device?.id ?? []));
  const all = [...macs, ...[...devices].map((text) => ({ text, description: 'device' }))];
  return all.filter(({ text }) => text.startsWith(prefix)).slice(0, limit);
}
