import type { ActionResult } from '../../api/console.ts';
import type { CommandResult, PoolChange, Releases } from '../backend.ts';
import { refusalText } from '../errors.ts';
import type { ParsedAction } from './parameters.ts';

/** Returns the result of an action from that of the command behind it. */
export function resultOf<T>(result: CommandResult<T>, print: (value: T) => string): ActionResult {
  switch (result.kind) {
    case 'done':
      return { kind: 'done', message: print(result.value) };
    case 'dry-run':
      return { kind: 'done', message: result.message };
    case 'refused':
      return { kind: 'refused', message: refusalText(result.refusal) };
  }
}

/** Returns the change of the commands for an action on a pool. */
export function poolChange(action: Extract<ParsedAction, { readonly kind: 'pause' | 'grow' }>): PoolChange {
  const { pool } = action;
  if (action.kind === 'grow') return { kind: 'grow', pool, last: action.last };
  return { kind: action.paused ? 'pause' : 'resume', pool };
}

export function resultOfRelease(mac: string, { released, kept }: Releases): ActionResult {
  const [first] = kept;
  if (first !== undefined) return { kind: 'refused', message: refusalText(first.refusal) };
  return { kind: 'done', message: released.length === 0 ? `${mac} was not held any more.` : `${mac} is released.` };
}
