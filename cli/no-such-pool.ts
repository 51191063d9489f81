import { didYouMean } from './did-you-mean.ts';
import { UserError } from './errors.ts';

/** What is said of a pool that there is none of, in both modes. */
export function noSuchPool(pool: string, names: readonly string[]): UserError {
  return new UserError(
    `There is no pool ${JSON.stringify(pool)}.${didYouMean(pool, names)}`,
    names.length === 0 ? 'This ledger has no pools.' : `The pools are ${names.join(', ')}.`,
  );
}
