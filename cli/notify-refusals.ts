import { type CommandRefusal, refusalText } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** How many refusals are printed before the last one: they are often alike. */
const SHOWN_REFUSALS = 5;

/** Prints some refusals to stderr. The command fails with another one, which is printed last. */
export function notifyRefusals(refusals: readonly CommandRefusal[], { notify }: Pick<Terminal, 'notify'>): void {
  for (const refusal of refusals.slice(0, SHOWN_REFUSALS)) notify(`Error: ${refusalText(refusal)}`);
}
