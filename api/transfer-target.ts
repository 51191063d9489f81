import { Buffer } from 'node:buffer';
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

/** The virtual machine that may receive the addresses of another one. */
export interface ReceiverTarget extends TransferTarget {
  /** The id or the name of its cluster. Absent: the same cluster. */
  readonly cluster?: string;
  /** The value of the annotation. */
  readonly asked: string;
}

/** The ledger's limit for the value. More than the longest names of a cluster, a namespace and a machine is a mistake. */
const MAX_LENGTH = 600;

/**
 * Returns the machine that the annotations of another machine name as the receiver of its addresses, as `namespace/name` or
 * `cluster/namespace/name`, or `undefined`. A machine moves into another cluster, a claim does not.
 */
export function receiverTarget(annotations: Readonly<Record<string, string>> | undefined): ReceiverTarget | undefined {
  const asked = annotations?.[ANNOTATIONS.transferTo] ?? '';
  const parts = asked.split('/');
  if (parts.length > 3 || Buffer.byteLength(asked) > MAX_LENGTH || parts.includes('')) return undefined;
  const [name, namespace, cluster] = parts.reverse();
  if (name === undefined || namespace === undefined) return undefined;
  return { asked, namespace, name, ...(cluster !== undefined && { cluster }) };
}

/** Returns whether the annotations name this object as the next owner. */
export function handsOverTo(
  annotations: Readonly<Record<string, string>> | undefined,
  { namespace, name }: { readonly namespace?: string | undefined; readonly name: string },
): boolean {
  const target = transferTarget(annotations);
  return target !== undefined && target.namespace === namespace && target.name === name;
}
