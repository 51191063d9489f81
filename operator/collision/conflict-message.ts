/** An object that uses an address. */
export interface AddressUser {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Other users of an address, of which a message only says how many there are. */
export interface Unnamed {
  /** Users outside of the cluster. */
  readonly elsewhere: number;
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
 * Returns who else uses an address, for a condition or an Event in `namespace`. It names only objects of that namespace.
 * Users who may view the namespace can read the text, and may not be allowed to view other namespaces.
 */
export function conflictMessage(
  users: readonly AddressUser[],
  namespace: string | undefined,
  { elsewhere: outside }: Unnamed = { elsewhere: 0 },
): string {
  const distinct = [...new Map(users.map((user) => [describeUser(user), user])).values()];
  const own = distinct.filter((user) => user.namespace === namespace);
  return countedMessage(own, { own: own.length, elsewhere: distinct.length - own.length, outside });
}

/** Returns the same where the users are counted already: `first` are at least the first three of the namespace, each once. */
export function countedMessage(first: readonly AddressUser[], { own, elsewhere, outside }: UserCounts): string {
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

function describeUser({ kind, namespace, name }: AddressUser): string {
  return `${kind} ${namespace}/${name}`;
}

function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
