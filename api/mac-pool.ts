import { z } from 'zod';
import { canonicalMac, conditions, count, duration, text } from './fields.ts';

/** The reuse delay of a pool that sets none. */
export const DEFAULT_REUSE_DELAY = '1h';

export const macPoolSpec = z
  .object({
    first: canonicalMac('First address of the range. Immutable.'),
    last: canonicalMac('Last address of the range. It may only grow.'),
    description: text('Purpose of the pool.', 256).optional(),
    autoReleaseAfter: duration(
      'After this time without use, an address is released automatically. If it is not set, never.',
    ).optional(),
    reuseDelay: duration('How long a released address is not given to another owner.').default(DEFAULT_REUSE_DELAY),
    paused: z
      .boolean()
      .default(false)
      .meta({ description: 'A paused pool allocates no addresses. Allocated addresses stay allocated.' }),
  })
  .meta({
    description: 'The address range and its rules.',
    'x-kubernetes-validations': [
      { rule: 'self.first <= self.last', message: 'first must not be greater than last' },
      { rule: 'self.first == oldSelf.first', message: 'first is immutable: add another pool instead' },
      { rule: 'self.last >= oldSelf.last', message: 'a pool may grow at its end, but not shrink' },
    ],
  });

export const macPoolStatus = z
  .object({
    capacity: count('Number of addresses in the range.').optional(),
    active: count('Addresses that an object or a device holds.').optional(),
    pending: count('Addresses that were allocated at admission and whose stored object was not seen yet.').optional(),
    reserved: count('Addresses that are held until released by force.').optional(),
    released: count('Released addresses.').optional(),
    orphaned: count('Addresses whose owner cannot be confirmed as deleted.').optional(),
    free: count('Addresses that nobody holds: never used, or released (even within the reuse delay).').optional(),
    utilisation: text('Percentage of the range that is not free, such as 12.5%.', 16).optional(),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The generation of the spec that was last processed.' }),
    conditions: conditions.optional(),
  })
  .meta({ description: 'The counts of the ledger.' });

/** The spec as users write it, before the API server fills in the defaults. */
export type MacPoolSpec = z.input<typeof macPoolSpec>;
export type MacPoolStatus = z.infer<typeof macPoolStatus>;
