import { createHash, randomBytes } from 'node:crypto';

const LONGEST_PREFIX = 40;

/**
 * The name of a claim, chosen before it is sent, so that sending it twice makes one object. A request key always gives the
 * same name; without one no two are the same.
 */
export function claimName(device: string | undefined, requestKey: string | undefined): string {
  if (requestKey !== undefined) return `key-${createHash('sha256').update(requestKey).digest('hex').slice(0, 24)}`;
  const suffix = randomBytes(5).toString('hex');
  const prefix = (device ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_PREFIX)
    .replaceAll(/^-+|-+$/g, '');
  return `${prefix === '' ? 'mac' : prefix}-${suffix}`;
}
