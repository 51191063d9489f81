import { ANNOTATIONS } from './names.ts';

/** The object that may take the addresses of another one of its kind. */
export interface TransferTarget {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Returns the object that the annotations name as the next owner, or `undefined`. The annotation is the consent of the owner: who
 * may change that object lets the next one have the address. The consent of the next owner is that it asks for the address.
 */
export function transferTarget(annotations: Readonly<Record<string, string>> | undefined): TransferTarget | undefined {
  const parts = annotations?.[ANNOTATIONS.transferTo]?.split('/') ?? [];
  const [namespace = '', name = ''] = parts;
  return parts.length === 2 && namespace !== '' && name !== '' ? { namespace, name } : undefined;
}

/** Returns whether the annotations name this object as the next owner. */
export function handsOverTo(
  annotations: Readonly<Record<string, string>> | undefined,
  { namespace, name }: { readonly namespace?: string | undefined; readonly name: string },
): boolean {
  const target = transferTarget(annotations);
  return target !== undefined && target.namespace === namespace && target.name === name;
}
