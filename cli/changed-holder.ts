import type { Address } from './backend.ts';
import { type CommandRefusal, commandRefusal } from './errors.ts';

/**
 * Returns why an address must not be changed: somebody else has it than when the user saw it. Returns `undefined` if the generation is
 * the expected one, or if none is expected.
 */
export function refuseChangedHolder(
  { mac, generation }: Pick<Address, 'mac' | 'generation'>,
  expected: number | undefined,
): CommandRefusal | undefined {
  if (expected === undefined || generation === expected) return undefined;
  return commandRefusal(
    `The holder of ${mac} has changed since you saw it, so nothing was done.`,
    'Look who holds it now, and decide again.',
    'conflict',
  );
}
