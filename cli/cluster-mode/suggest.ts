import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { Scope } from './scope.ts';

/** More are no help to somebody who presses a key. */
const LOOKED_AT = 500;

/** Addresses and devices of the namespace's MacAllocations that begin with a text. */
export async function suggest(
  prefix: string,
  limit: number,
  { client, namespace, allNamespaces }: Scope,
): Promise<{ readonly text: string; readonly about: string }[]> {
  const where = allNamespaces ? {} : { namespace };
  const { items } = await client.list(macAllocations, { ...where, pageSize: LOOKED_AT, attempts: 1 });
  const macs = items.flatMap(({ status }) => status?.mac ?? []).map((text) => ({ text, about: 'address' }));
  const devices = new Set(items.flatMap(({ spec }) => spec.device?.id ?? []));
  const all = [...macs, ...[...devices].map((text) => ({ text, about: 'device' }))];
  return all.filter(({ text }) => text.startsWith(prefix)).slice(0, limit);
}
