import type { ReadyReason } from '../../api/mac-allocation.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { parseMac, type MacAddress } from '../../mac/mac-address.ts';
import { UserError, type Exit } from '../errors.ts';

/** What a claim's status says to somebody who waits for its address. */
export type Judgement =
  | { readonly done: true; readonly mac: MacAddress }
  | { readonly done: false; readonly refused?: UserError | undefined; readonly waitsFor: string };

/** Reasons for which nobody should wait, with how the program ends. The operator would go on trying for ever. */
const REFUSALS: Partial<Record<ReadyReason, Exit>> = {
  PoolNotFound: 'error',
  PoolPaused: 'unavailable',
  PoolExhausted: 'exhausted',
  RequestedMacInUse: 'conflict',
  RequestedMacOutOfRange: 'error',
  InvalidSpec: 'error',
  Expired: 'conflict',
  Releasing: 'conflict',
};

export function evaluateClaim({ status, metadata }: MacAllocation): Judgement {
  const ready = findCondition(status?.conditions ?? [], 'Ready');
  const parsed = parseMac(status?.mac ?? '');
  if (ready?.status === 'True' && parsed.ok) return { done: true, mac: parsed.mac };
  if (ready === undefined) return { done: false, waitsFor: 'the operator has not seen it yet' };
  const exit = Object.entries(REFUSALS).find(([reason]) => reason === ready.reason)?.[1];
  const refused =
    exit === undefined
      ? undefined
      : new UserError(`MacAllocation ${metadata.name} got no address (${ready.reason}).`, `${ready.message}.`, exit);
  return { done: false, refused, waitsFor: `${ready.reason}: ${ready.message}` };
}
