/** One object. Another object of the same name has another uid. */
export interface Identity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Formats a queue key `namespace/name/uid`. The uid keeps an object apart from its successor of the same name. */
export function identityKey({
  namespace = '',
  name,
  uid,
}: {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
}): string {
  return `${namespace}/${name}/${uid}`;
}

/** Parses a key that `identityKey` formatted. */
export function parseIdentityKey(key: string): Identity {
  const [namespace = '', name = '', uid = ''] = key.split('/');
  return { namespace, name, uid };
}
