/**
 * Returns the merge patch that makes `after` of `before`. Such a patch removes a field that is null and keeps one that is
 * missing, on every level (RFC 7396).
 */
export function mergePatch(before: object, after: object): Readonly<Record<string, unknown>> {
  const old = new Map<string, unknown>(Object.entries(before));
  const gone = [...old.keys()].filter((field) => !Object.hasOwn(after, field));
  const set = Object.entries(after).map(([field, value]: [string, unknown]): [string, unknown] => {
    const replaced = old.get(field);
    return [field, isRecord(replaced) && isRecord(value) ? mergePatch(replaced, value) : value];
  });
  return { ...Object.fromEntries(set), ...Object.fromEntries(gone.map((field) => [field, null])) };
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
