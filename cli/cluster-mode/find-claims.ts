import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Target } from '../target.ts';
import { fieldTerm } from './ledger-reader.ts';
import type { Scope } from './scope.ts';

/** Returns the MacAllocations with this address or device, in the namespace of the command or in all namespaces. */
export async function findAllocations(target: Target, scope: Scope): Promise<MacAllocation[]> {
  if (target.kind === 'device') {
    const found = await select(fieldTerm('spec.device.id', target.text), scope);
    if (found.length > 0 || target.mac === undefined) return found;
  }
  return await select(fieldTerm('status.mac', target.mac ?? ''), scope);
}

async function select(fieldSelector: string, { client, namespace, allNamespaces }: Scope): Promise<MacAllocation[]> {
  const where = allNamespaces ? {} : { namespace };
  return (await client.list(macAllocations, { ...where, fieldSelector })).items;
}
