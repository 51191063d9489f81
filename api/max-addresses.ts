import { ANNOTATIONS } from './names.ts';

/**
 * Returns how many addresses a namespace may hold by its annotation; `undefined` without one. A text that is no whole number
 * counts as 0, because an author who wrote it meant a limit. The API server refuses such a text.
 */
export function parseMaxAddresses(annotations: Readonly<Record<string, string>> | undefined): number | undefined {
  const text = annotations?.[ANNOTATIONS.maxAddresses];
  if (text === undefined || text === '') return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
