import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { objectNamed } from '../parse-owner.ts';
import type { Target } from '../target.ts';
import { fieldTerm } from './ledger-reader.ts';
import type { Scope } from './scope.ts';

/** Returns the MacAllocations with this address or device, in the namespace of the command or in all namespaces. */
export async function findAllocations(target: Target, scope: Scope): Promise<MacAllocation[]> {
  if (target.kind === 'device') {
    const found = await select(fieldTerm('spec.device.id', target.text), scope);
    if (found.length > 0) return found;
    if (target.mac === undefined) return await findByName(target.text, scope);
  }
  // A claim and a mirror have it in different fields.
  const fields = ['status.mac', 'spec.mac'].map((field) => select(fieldTerm(field, target.mac ?? ''), scope));
  return (await Promise.all(fields)).flat();
}

/** Returns the claim with this name, and the MacAllocations that the pod or VM with this name uses. */
async function findByName(text: string, { client, namespace, allNamespaces }: Scope): Promise<MacAllocation[]> {
  const object = objectNamed(text);
  if (object === undefined) return [];
  const where = object.namespace ?? (allNamespaces ? undefined : namespace);
  const { items } = await client.list(macAllocations, where === undefined ? {} : { namespace: where });
  const isNamed = (candidate: { readonly kind: string; readonly name: string } | undefined) =>
    candidate?.name === object.name && (object.kind === undefined || candidate?.kind === object.kind);
  return items.filter(({ metadata: { name }, spec, status }) =>
    [{ kind: 'MacAllocation', name }, spec.consumerRef, spec.stickyFor, status?.consumer].some(isNamed),
  );
}

async function select(fieldSelector: string, { client, namespace, allNamespaces }: Scope): Promise<MacAllocation[]> {
  const where = allNamespaces ? {} : { namespace };
  return (await client.list(macAllocations, { ...where, fieldSelector })).items;
}
