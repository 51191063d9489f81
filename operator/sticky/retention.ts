import type { StickyFor, StickyRetention } from '../../api/mac-allocation.ts';
import { DEFAULT_RETENTION } from '../../api/sticky.ts';

/**
 * What is known about the controller of a workload.
 *
 * - replicas: it exists, and makes the workloads with the ordinals from `first` to `first + count - 1`.
 * - `complete`: it exists and has all its workloads, whatever their ordinals. It expects no other one.
 * - `incomplete`: it exists and lacks workloads. It may make one of any ordinal.
 * - `absent`: the API server says that it does not exist.
 * - `foreign`: it is of a kind that the operator does not read.
 * - `unknown`: it could not be read.
 * - `none`: the workload has none, or nobody has written down which.
 */
export type ControllerState =
  | { readonly first: number; readonly count: number }
  | 'complete'
  | 'incomplete'
  | 'absent'
  | 'foreign'
  | 'unknown'
  | 'none';

/**
 * Whether an object of the workload's name exists.
 *
 * - `absent`: none does.
 * - `without`: one does, and was created without the interface or with another address on it.
 * - `in-use`: it uses the address, or may do so.
 */
export type NameState = 'absent' | 'without' | 'in-use';

export interface UnusedAddress extends Pick<StickyFor, 'ordinal' | 'retention'> {
  readonly controller: ControllerState;
}

/** `proven`: what was read proves the end, and not only that time has passed. */
export type RetentionDecision =
  { readonly keep: true } | { readonly keep: false; readonly proven: boolean; readonly reason: string };

const KEEP: RetentionDecision = { keep: true };

/**
 * Decides what happens to a sticky address that was unused for its pool's period. Whoever releases it reads `name` first, so a
 * caller may leave that out where the controller alone already keeps the address.
 */
export function decideRetention(address: UnusedAddress, name: NameState = 'absent'): RetentionDecision {
  if (name === 'in-use') return KEEP;
  if (name === 'without') return proven('the object of this name does not have the interface any more');
  const { controller } = address;
  switch (controller) {
    case 'unknown':
      return KEEP;
    case 'none':
    case 'foreign':
      return { keep: false, proven: false, reason: 'no object of this name' };
    case 'absent':
      return retentionOf(address).whenDeleted === 'Retain' ? KEEP : proven('the controller is deleted');
    default:
      if (isCounted(address) || retentionOf(address).whenScaled === 'Retain') return KEEP;
      return proven('the controller was scaled down');
  }
}

/** Returns whether an object of the name may exist, although it does not use the address. Others are not worth a read. */
export function mayHaveObject(address: UnusedAddress): boolean {
  return address.controller === 'complete' || isCounted(address);
}

/**
 * Returns whether the controller makes the workload of this ordinal, so that an object of the name is expected. Without an ordinal
 * nobody knows, and then it counts.
 */
function isCounted({ controller, ordinal }: UnusedAddress): boolean {
  if (controller === 'incomplete') return true;
  if (typeof controller === 'string') return false;
  const { first, count } = controller;
  return ordinal === undefined || (ordinal >= first && ordinal < first + count);
}

function retentionOf({ retention = DEFAULT_RETENTION }: UnusedAddress): StickyRetention {
  return retention;
}

function proven(reason: string): RetentionDecision {
  return { keep: false, proven: true, reason };
}
