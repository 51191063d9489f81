import { createHash, randomBytes } from 'node:crypto';

/** Keeps names well below the 63 characters of a label value, with room for the suffix. */
const MAX_PREFIX_LENGTH = 40;

/** Returns the names of a set of claims: `<prefix>-1` and so on. */
export function claimNames(count: number, prefix: string): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index + 1)}`);
}

/**
 * Returns the name of a new claim. The client chooses it, so that repeating the create request makes one object. A
 * request key always gives the same name; without one every name is unique.
 */
export function claimName(device: string | undefined, requestKey: string | undefined): string {
  if (requestKey !== undefined) return `key-${createHash('sha256').update(requestKey).digest('hex').slice(0, 24)}`;
  return `${claimPrefix(device)}${randomBytes(5).toString('hex')}`;
}

/** Returns the beginning of the name of a new claim for a device, with the dash after it. */
export function claimPrefix(device: string | undefined): string {
  const prefix = (device ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_PREFIX_LENGTH)
    .replaceAll(/^-+|-+$/g, '');
  return `${prefix === '' ? 'mac' : prefix}-`;
}
