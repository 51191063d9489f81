import type { Queryable } from '../../ledger/connection/statement.ts';
import { addPrefix, listPrefixes, type NewPrefix, removePrefix } from '../../ledger/pool/prefixes.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { UserError } from '../errors.ts';
import { currentUser } from './current-user.ts';

/** Adds a prefix. Returns whether it is new. Throws a UserError if it overlaps another one. */
export async function addOrRefuse(
  db: Queryable,
  prefix: NewPrefix,
  actor: string,
  reason?: string,
): Promise<'added' | 'changed' | 'unchanged'> {
  const result = await addPrefix(db, prefix, actor, reason);
  if (result.outcome === 'overlaps') {
    throw new UserError(
      `The prefix ${prefix.prefix} overlaps ${result.other}, which the ledger has already.`,
      'Pools may lie anywhere under a prefix. To replace it, remove it first: `rock-mac prefix remove ' +
        `${result.other}\`.`,
      'conflict',
    );
  }
  if (result.outcome === 'not_allowed') throw onlyAdmins();
  return result.outcome;
}

/** Adds a prefix, or changes its kind and note. Returns a line that says so. */
export async function addNamed(ledger: Queryable, prefix: NewPrefix, reason?: string): Promise<string> {
  const outcome = await addOrRefuse(ledger, prefix, currentUser(), reason);
  if (outcome === 'unchanged') return `Unchanged: the ledger has the prefix ${prefix.prefix}`;
  return `${outcome === 'added' ? 'Added' : 'Changed'}: prefix ${prefix.prefix}`;
}

/** Removes a prefix. Returns a line that says so. Throws a UserError if the ledger does not have it, or a pool lies under it. */
export async function removeNamed(ledger: Queryable, prefix: MacPrefix, reason?: string): Promise<string> {
  const result = await removePrefix(ledger, prefix, currentUser(), reason);
  switch (result.outcome) {
    case 'removed':
      return `Removed: prefix ${prefix}`;
    case 'not_allowed':
      throw onlyAdmins();
    case 'in_use':
      throw new UserError(
        `The pool ${result.pool} lies under the prefix ${prefix}.`,
        'A prefix stays as long as it has a pool. Remove its pools first, if they never handed out an address.',
        'conflict',
      );
    case 'prefix_not_found': {
      const known = (await listPrefixes(ledger)).map((each) => each.prefix);
      throw new UserError(
        `The ledger has no prefix ${prefix}.`,
        known.length === 0 ? 'It has none at all.' : `Its prefixes are ${known.join(', ')}.`,
        'notFound',
      );
    }
  }
}

function onlyAdmins(): UserError {
  return new UserError(
    'Only the owner of the ledger and its admins change prefixes.',
    'Use a login with the role rock_mac_admin.',
    'forbidden',
  );
}
