/*
 * CEL for policies that say which fields of an object a user may change. They compare whatever fields there are, also those of
 * later versions.
 */

/** The fields of metadata that the API server itself changes with every update. */
export const SERVER_FIELDS = ['managedFields', 'resourceVersion', 'generation'];

/** Compares two maps in CEL, without the given keys. */
export function sameExcept(a: string, b: string, keys: readonly string[]): string {
  const rest = `[${keys.map((key) => `'${key}'`).join(', ')}]`;
  return allOf(
    `${a}.all(key, key in ${rest} || (key in ${b} && ${a}[key] == ${b}[key]))`,
    `${b}.all(key, key in ${rest} || key in ${a})`,
  );
}

export function allOf(...conditions: readonly string[]): string {
  return conditions.map((condition) => `(${condition})`).join(' && ');
}
