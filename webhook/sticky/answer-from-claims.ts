import type { Logger } from 'pino';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { formatKey, parseKey } from '../../kube/client/objects.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { limitReads } from '../limits/limit-reads.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { LIVE_READ_MS } from '../watch/cached-get.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import { addressOfClaim, type StickyClaim, stickyClaims } from './sticky-claim.ts';

/** The object under admission, and what it asks for. */
export interface ClaimCandidate {
  readonly object: Pick<AdmittedObject, 'kind' | 'namespace' | 'name'>;
  readonly requests: readonly AddressRequest[];
  readonly terms: Pick<NamespaceTerms, 'since'>;
}

/**
 * Answers without the ledger, from the sticky claims of a pod. Returns its addresses, or `undefined` unless every request has one, and
 * for every other kind. Never throws.
 *
 * A claim may show an address that was released a moment ago. The reuse delay covers that: nobody else gets the address before the
 * operator sees this object.
 */
export type AnswerFromClaims = (candidate: ClaimCandidate) => Promise<readonly MacAddress[] | undefined>;

/**
 * Limits the reads, each of one claim. The pods of 100 StatefulSets with three replicas and two interfaces may be made again at
 * once. More wait for the ledger.
 */
const CLAIM_READS = { capacity: 600, perSecond: 100 };

export function createClaimAnswers(deps: {
  readonly client: Pick<KubeClient, 'find'>;
  readonly clusterId: string;
  /** Returns milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly logger: Logger;
}): AnswerFromClaims {
  const { client, clusterId, now, logger } = deps;
  const read = limitReads(readClaim, { ...CLAIM_READS, now });

  async function readClaim(key: string): Promise<StickyClaim | undefined> {
    return await client.find(stickyClaims, parseKey(key), { timeoutMs: LIVE_READ_MS, attempts: 1 });
  }

  async function findAddress(
    request: AddressRequest,
    { object, terms }: ClaimCandidate,
  ): Promise<MacAddress | undefined> {
    const { nic, requested } = request;
    const { kind, namespace, name } = object;
    const claim = await read(formatKey({ namespace, name: stickyClaimName({ kind, name, nic }) }));
    if (claim === undefined || claim === 'limited') return undefined;
    const mac = addressOfClaim(claim, { kind, name, nic, clusterId, namespaceSince: terms.since });
    return requested === undefined || requested === mac ? mac : undefined;
  }

  return async (candidate) => {
    const { object, requests } = candidate;
    // The guest of a machine may have migrated elsewhere with its address, which only the ledger knows.
    if (object.kind !== 'Pod' || object.name === '' || !requests.every(mayHaveClaim)) return undefined;
    try {
      const found = await Promise.all(requests.map((request) => findAddress(request, candidate)));
      const macs = found.filter((mac) => mac !== undefined);
      return macs.length === requests.length ? macs : undefined;
    } catch (error) {
      const { namespace, name } = object;
      logger.warn({ err: error, namespace, name }, 'could not read the sticky claims of an object');
      return undefined;
    }
  };
}

/** A pod that writes the address of its own name has it, as one that does not write it. */
function mayHaveClaim({ sticky, requested, claim }: AddressRequest): boolean {
  return sticky !== undefined || (requested !== undefined && claim === undefined);
}
