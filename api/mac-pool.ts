import { z } from 'zod';
import { anyMac, conditions, count, duration, text } from './fields.ts';
import { POOL_STRATEGIES } from './pool-strategy.ts';
import { visibleText } from './visible-text.ts';

/** The reuse delay of a pool that sets none. */
export const DEFAULT_REUSE_DELAY = '1h';

/*
 * Durations that the ledger refuses. CEL cannot read days, so these patterns decide by each part of a duration; only parts
 * that nobody writes, such as 30s40s, are refused although their sum is enough.
 */
const UNDER_A_MINUTE = '^(0+[dhms]|0*[1-5]?[0-9]s)+$';
const UNDER_AN_HOUR = '^(0+[dhms]|0*[1-5]?[0-9]m|0*([0-9]{1,3}|[12][0-9]{3}|3[0-5][0-9]{2})s)+$';

function minimum(field: string, pattern: string): string {
  return `!has(self.${field}) || !self.${field}.matches('${pattern}')`;
}

/** Returns CEL for the digits of an address, which have the order of the addresses. */
function digitsOf(field: string): string {
  return `${field}.lowerAscii().replace(':', '').replace('-', '').replace('.', '')`;
}

export const macPoolSpec = z
  .object({
    first: anyMac('First address of the range, in any usual notation. Immutable.'),
    last: anyMac('Last address of the range. It may only grow.'),
    description: visibleText('Purpose of the pool.', 256).optional(),
    autoReleaseAfter: duration(
      'An address is released after this time without use: at least 1h. Without it, never.',
    ).optional(),
    reuseDelay: duration('How long a released address is not given to another owner: at least 1m.').default(
      DEFAULT_REUSE_DELAY,
    ),
    strategy: z.enum(POOL_STRATEGIES).optional().meta({
      description:
        'The order of addresses that were never used: from first to last, or random. It may change. Without it, the pool follows the ledger, where a new pool is sequential.',
    }),
    maxPerNamespace: z.int().min(1).max(16_777_216).optional().meta({
      description:
        'How many addresses of this pool a namespace of this cluster may hold. If it is not set, there is no limit.',
    }),
    paused: z
      .boolean()
      .default(false)
      .meta({ description: 'A paused pool allocates no addresses. Allocated addresses stay allocated.' }),
  })
  .meta({
    description: 'The address range and its rules.',
    'x-kubernetes-validations': [
      { rule: `${digitsOf('self.first')} <= ${digitsOf('self.last')}`, message: 'first must not be greater than last' },
      {
        rule: `${digitsOf('self.first')} == ${digitsOf('oldSelf.first')}`,
        message: 'first is immutable: add another pool instead',
      },
      { rule: minimum('reuseDelay', UNDER_A_MINUTE), message: 'reuseDelay must be at least 1m' },
      { rule: minimum('autoReleaseAfter', UNDER_AN_HOUR), message: 'autoReleaseAfter must be at least 1h' },
      {
        rule: `${digitsOf('self.last')} >= ${digitsOf('oldSelf.last')}`,
        message: 'a pool may grow at its end, but not shrink',
      },
    ],
  });

export const macPoolStatus = z
  .object({
    capacity: count('Number of addresses in the range.').optional(),
    active: count('Addresses that an object or a device holds.').optional(),
    pending: count('Addresses that were allocated at admission and whose stored object was not seen yet.').optional(),
    stocked: count('Addresses that are set aside for webhooks, which give them to new pods.').optional(),
    reserved: count('Addresses that are held until released by force.').optional(),
    released: count('Released addresses.').optional(),
    orphaned: count('Addresses whose owner cannot be confirmed as deleted.').optional(),
    observed: count('Addresses that live objects use without owning them. They are not handed out.').optional(),
    free: count('Addresses that can be allocated now: never used, or released and past the reuse delay.').optional(),
    strategy: z.enum(POOL_STRATEGIES).optional().meta({
      description: 'The order of addresses in the ledger, which a person or another cluster may have changed.',
    }),
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

/** The counts of a pool, which the ledger and a MacPool's status both have. */
export type PoolCount =
  ('capacity' | 'active' | 'pending' | 'stocked' | 'reserved') | ('released' | 'orphaned' | 'observed' | 'free');

/** Returns only the counts of a pool. */
export function poolCountsOf<T extends Pick<MacPoolStatus, PoolCount>>(pool: T): Pick<T, PoolCount> {
  const { capacity, active, pending, stocked, reserved, released, orphaned, observed, free } = pool;
  return { capacity, active, pending, stocked, reserved, released, orphaned, observed, free };
}
