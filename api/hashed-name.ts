import { createHash } from 'node:crypto';

/** An object's name has at most 253 characters. The suffix takes nine: `-` and eight digits. */
const LONGEST_PREFIX = 253 - 9;

/** Returns the name of an object: a name for people, which is shortened if it must be, and a hash of its parts. */
export function hashedName(prefix: string, parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
  return `${prefix.slice(0, LONGEST_PREFIX).replace(/[-.]+$/, '')}-${hash}`;
}
