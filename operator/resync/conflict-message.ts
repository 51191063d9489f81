/** An object that uses an address. */
export interface AddressUser {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Objects that a message names. One pod can have an address on hundreds of interfaces, and names have 253 characters. */
const MAX_NAMED = 3;

/** The API server refuses a longer note of an Event. Conditions may be longer, but say the same. */
const MAX_CHARACTERS = 1_024;

/**
 * Returns the message of the Conflict condition of an allocation in `namespace`. Only objects of that namespace are named:
 * the condition is readable for everybody who may view the namespace, and not everybody of them may view others.
 */
export function conflictMessage(users: readonly AddressUser[], namespace: string | undefined): string {
  const distinct = [...new Map(users.map((user) => [nameOf(user), user])).values()];
  const own = distinct.filter((user) => user.namespace === namespace).map(nameOf);
  const elsewhere = distinct.length - own.length;
  const unnamed = own.length - MAX_NAMED;
  const parts = [
    ...own.slice(0, MAX_NAMED),
    ...(unnamed > 0 ? [`${counted(unnamed, 'other object')} of this namespace`] : []),
    ...(elsewhere > 0 ? [`${counted(elsewhere, 'object')} of other namespaces`] : []),
  ];
  const verb = distinct.length === 1 ? 'also uses' : 'also use';
  const text = `${parts.join(', ')} ${verb} this address. Give one of them another address`;
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS - 1)}…` : text;
}

function nameOf({ kind, namespace, name }: AddressUser): string {
  return `${kind} ${namespace}/${name}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
