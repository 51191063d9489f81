import { z } from 'zod';
import { canonicalMac, conditions, count, duration, text } from './fields.ts';

/** What a pool gets that names no reuse delay. */
export const DEFAULT_REUSE_DELAY = '1h';

export const macPoolSpec = z
  .object({
    first: canonicalMac('First address of the range. Immutable.'),
    last: canonicalMac('Last address of the range. It may grow.'),
    description: text('What the pool is for.', 256).optional(),
    autoReleaseAfter: duration(
      'After how long an address that nobody uses goes back by itself. Without it: never.',
    ).optional(),
    reuseDelay: duration('How long a released address waits before somebody else gets it.').default(
      DEFAULT_REUSE_DELAY,
    ),
    paused: z
      .boolean()
      .default(false)
      .meta({ description: 'A paused pool hands out nothing; what it handed out stays.' }),
  })
  .meta({
    description: 'The range and its rules.',
    'x-kubernetes-validations': [
      { rule: 'self.first <= self.last', message: 'first must not be greater than last' },
      { rule: 'self.first == oldSelf.first', message: 'first is immutable: add another pool instead' },
      { rule: 'self.last >= oldSelf.last', message: 'a pool may grow at its end, but not shrink' },
    ],
  });

export const macPoolStatus = z
  .object({
    capacity: count('How many addresses the range has.').optional(),
    active: count('Held by an object or a device.').optional(),
    pending: count('Handed out in an admission answer; the stored object has not been seen yet.').optional(),
    reserved: count('Held for good.').optional(),
    released: count('Given up.').optional(),
    orphaned: count('Of an owner that cannot be confirmed dead.').optional(),
    free: count('Not held: never used, or released (also while its reuse delay runs).').optional(),
    utilisation: text('Share of the range that is not free, such as 12.5%.', 16).optional(),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The generation of the spec that was last acted on.' }),
    conditions: conditions.optional(),
  })
  .meta({ description: 'What the ledger counts.' });

/** As somebody may write it: the API server puts the defaults in. */
export type MacPoolSpec = z.input<typeof macPoolSpec>;
export type MacPoolStatus = z.infer<typeof macPoolStatus>;
