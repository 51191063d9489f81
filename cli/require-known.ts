import { AUDIT_ACTIONS } from '../ledger/audit.ts';
import type { Backend } from './backend.ts';
import { didYouMean } from './did-you-mean.ts';
import { unknownPool, UserError } from './errors.ts';

/** Throws a UserError for the first pool that does not exist. */
export async function requirePools(backend: Pick<Backend, 'pools'>, wanted: readonly string[]): Promise<void> {
  if (wanted.length === 0) return;
  const names = (await backend.pools()).map(({ name }) => name);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw UserError.from(unknownPool(unknown, names));
}

/** Throws a UserError for an action that the audit never records. An imported history can have other actions. */
export function requireAction(action: string | undefined): void {
  if (action === undefined || AUDIT_ACTIONS.some((each) => each === action)) return;
  throw new UserError(
    `The audit has no action ${JSON.stringify(action)}.${didYouMean(action, AUDIT_ACTIONS)}`,
    `The actions are ${AUDIT_ACTIONS.join(', ')}.`,
  );
}
