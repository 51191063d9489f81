import type { ReadyReason } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import { LEDGER_ERRORS } from '../../ledger/error-codes.ts';
import { ALLOCATION_OUTCOMES } from '../../ledger/outcomes.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import { type CommandRefusal, commandRefusal, type Exit } from '../errors.ts';

/** The progress of a claim, for a command that waits for its address. */
export type ClaimProgress =
  | { readonly state: 'ready'; readonly mac: MacAddress }
  | { readonly state: 'refused'; readonly refusal: CommandRefusal }
  | { readonly state: 'waiting'; readonly waitingFor: string };

/** What a command prints while the operator has set no condition. */
export const NOT_SEEN_YET = 'the operator has not seen it yet';

/** Reasons that usually pass within seconds. All others end the wait, although the operator itself keeps retrying. */
const TRANSIENT: readonly ReadyReason[] = ['Pending', 'LedgerUnavailable', 'LedgerRecovering'];

/** The exits of refusals that the ledger does not decide. */
const OTHER_EXITS: Partial<Record<ReadyReason, Exit>> = {
  InvalidSpec: LEDGER_ERRORS.BAD_REQUEST.exit,
  Expired: 'conflict',
  Releasing: 'conflict',
};

/** Returns whether a claim is ready, refused or still waiting, from its Ready condition. */
export function evaluateClaim({ status, metadata }: MacAllocation): ClaimProgress {
  const ready = findCondition(status?.conditions ?? [], 'Ready');
  const parsed = parseMac(status?.mac ?? '');
  if (ready?.status === 'True' && parsed.ok) return { state: 'ready', mac: parsed.mac };
  if (ready === undefined) return { state: 'waiting', waitingFor: NOT_SEEN_YET };
  const exit = exitOf(ready.reason);
  if (exit === undefined) return { state: 'waiting', waitingFor: `${ready.reason}: ${ready.message}` };
  const cause = `MacAllocation ${metadata.name} got no address (${ready.reason}).`;
  return { state: 'refused', refusal: commandRefusal(cause, `${ready.message}.`, exit) };
}

/** Returns how the program ends for a reason of the Ready condition, or `undefined` for a reason to wait for. */
function exitOf(reason: string): Exit | undefined {
  if (TRANSIENT.some((each) => each === reason)) return undefined;
  const refused = Object.values(ALLOCATION_OUTCOMES).find(({ ready }) => ready.reason === reason);
  return refused?.cli.exit ?? Object.entries(OTHER_EXITS).find(([other]) => other === reason)?.[1];
}
