import { LABELS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { metadataOnly } from '../../kube/client/resource.ts';
import { createLru } from '../../kube/lru.ts';
import { ADMISSION_OUTCOMES } from '../../ledger/outcomes.ts';
import { createTokenBucket, type TokenBucket } from '../../time/token-bucket.ts';
import { refuseSelector } from '../plan/claim-selector.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { refusalOf } from '../review/refusal.ts';
import { allocations } from './find-claim.ts';

/** The claims of one namespace that a label selector matches. */
export interface ClaimSelection {
  readonly namespace: string;
  readonly selector: string;
}

export type ListedClaims =
  /**
   * Their uids, without those of claims that are being deleted. `readAt` is when the list was requested, and `newest` when the newest of
   * them was created, in milliseconds since 1970 by the clock of the API server.
   */
  | { readonly ok: true; readonly uids: readonly string[]; readonly readAt: number; readonly newest: number }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/** Returns the claims as they were at `notBefore` or later, in milliseconds of the clock `now`. */
export type ListClaims = (selection: ClaimSelection, notBefore: number) => Promise<ListedClaims>;

/** 1,000 claims are two pages of half a megabyte, which the API server sends within 0.1 s. */
const PAGE_SIZE = 500;

/** Two lists precede the statement of the ledger, which needs the rest of 3 s. */
const LIST_MS = 1_000;

/** Each list may be large. A Deployment needs one selection, and a list of more is only read again. */
const MAX_SELECTIONS = 16;

/** Limits the lists of one namespace, which nobody used just before: anybody could select something else each time. */
const LISTS = { capacity: 50, perSecond: 10 };

/** A namespace that is forgotten has a full budget again. Whoever makes that happen needs as many namespaces. */
const MAX_NAMESPACES = 1_024;

/**
 * Lists claims without the cache of a watch: most clusters have no sets of claims, and mirrors outnumber claims. Many pods of a
 * Deployment that are created at once share one list.
 */
export function createClaimLister({
  client,
  now,
}: {
  readonly client: Pick<KubeClient, 'list'>;
  readonly now: () => number;
}): ListClaims {
  const latest = createLru<string, { readonly readAt: number; readonly listing: Promise<ListedClaims> }>(
    MAX_SELECTIONS,
  );
  const buckets = createLru<string, TokenBucket>(MAX_NAMESPACES);

  function bucketOf(namespace: string): TokenBucket {
    const bucket = buckets.get(namespace) ?? createTokenBucket(LISTS, now);
    buckets.set(namespace, bucket);
    return bucket;
  }

  async function list({ namespace, selector }: ClaimSelection, readAt: number): Promise<ListedClaims> {
    try {
      const { items } = await client.list(metadataOnly(allocations), {
        namespace,
        labelSelector: `${selector},!${LABELS.consumerUid},!${LABELS.sticky}`,
        pageSize: PAGE_SIZE,
        attempts: 1,
        signal: AbortSignal.timeout(LIST_MS),
      });
      const usable = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const created = usable.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') || 0);
      return { ok: true, uids: usable.map(({ metadata }) => metadata.uid), readAt, newest: Math.max(0, ...created) };
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 400) throw error;
      return { ok: false, refusal: refuseSelector(selector, error.message) };
    }
  }

  return async (selection, notBefore) => {
    const key = `${selection.namespace}/${selection.selector}`;
    const known = latest.get(key);
    if (known !== undefined && known.readAt >= notBefore) return await known.listing;
    if (!bucketOf(selection.namespace).take(1))
      return { ok: false, refusal: refusalOf(ADMISSION_OUTCOMES.too_many_requests, selection) };
    const readAt = now();
    const listing = list(selection, readAt);
    latest.set(key, { readAt, listing });
    try {
      return await listing;
    } catch (error) {
      // Those that wait share the failure. The next one starts another list.
      if (latest.get(key)?.listing === listing) latest.set(key, { readAt: -Infinity, listing });
      throw error;
    }
  };
}
