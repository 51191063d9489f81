/** An object that uses an address. */
export interface AddressUser {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** How many objects use an address: of the namespace, of others, and how many users there are outside of the cluster. */
export interface UserCounts {
  readonly own: number;
  readonly elsewhere: number;
  readonly outside: number;
}

/** Limits the objects that a message names. Many objects can share an address, and a name may have 253 characters. */
export const MAX_NAMED = 3;

/** The API server refuses a longer note of an Event. A condition may be longer, but has the same text. */
const MAX_CHARACTERS = 1_024;

/**
 * Returns who else uses an address, for a condition or an Event in a namespace. `first` are at least the first three of that
 * namespace, each once. Users who may view the namespace can read the text, and may not be allowed to view other namespaces.
 */
export function conflictMessage(first: readonly AddressUser[], { own, elsewhere, outside }: UserCounts): string {
  const named = first.slice(0, MAX_NAMED).map(describeUser);
  const unnamed = own - named.length;
  const parts = [
    ...named,
    ...(unnamed > 0 ? [`${formatCount(unnamed, 'other object')} of this namespace`] : []),
    ...(elsewhere > 0 ? [`${formatCount(elsewhere, 'object')} of other namespaces`] : []),
    ...(outside > 0 ? [`${formatCount(outside, 'user')} outside of this cluster`] : []),
  ];
  const verb = own + elsewhere + outside === 1 ? 'also uses' : 'also use';
  const text = `${parts.join(', ')} ${verb} this address. Give one of them another address`;
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS - 1)}…` : text;
}

export function describeUser({ kind, namespace, name }: AddressUser): string {
  return `${kind} ${namespace}/${name}`;
}

/** Counts as far as people care. A text that changes with each of thousands of objects would be written thousands of times. */
const MOST_COUNTED = 100;

function formatCount(count: number, noun: string): string {
  if (count > MOST_COUNTED) return `more than ${MOST_COUNTED} ${noun}s`;
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
