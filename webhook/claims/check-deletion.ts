import type { KubeClient } from '../../kube/client/client.ts';
import type { ReviewGate } from '../callers/review-gate.ts';
import { LIVE_READ_MS } from '../watch/cached-get.ts';
import { allocations, type StickyName } from './find-claim.ts';

/** A claim in the review of its deletion. */
export interface DeletedClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Only of a sticky claim. */
  readonly stickyFor?: StickyName | undefined;
}

/**
 * Returns whether a review of a deletion can be true: the claim is stored with this uid, and its deletion has not begun. The
 * review may come from anybody. One that was made up before the real one is overwritten by it; later ones are not real.
 */
export async function isPlausibleDeletion(
  { namespace, name, uid, stickyFor }: DeletedClaim,
  { client, gate }: { readonly client: Pick<KubeClient, 'find'>; readonly gate: ReviewGate },
): Promise<boolean> {
  const entry = await gate.enter(namespace);
  if (!entry.ok) return false;
  const options = { timeoutMs: LIVE_READ_MS, attempts: 1 };
  const stored = await client.find(allocations, { namespace, name }, options);
  if (stored === undefined) return false;
  const { metadata, spec } = stored;
  const isDeletable = metadata.deletionTimestamp === undefined && spec.consumerRef === undefined;
  return metadata.uid === uid && isDeletable && isSameName(spec.stickyFor, stickyFor);
}

function isSameName(stored: StickyName | undefined, reported: StickyName | undefined): boolean {
  return stored?.kind === reported?.kind && stored?.name === reported?.name && stored?.nic === reported?.nic;
}
