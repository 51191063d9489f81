import { formatKey } from '../../kube/client/objects.ts';
import { createTokenBucket, type TokenBucketOptions } from '../../time/token-bucket.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import { identityKey, parseIdentityKey } from '../controller/identity-key.ts';
import type { CachedWorkloads } from '../controller/operator-sources.ts';
import { lacksMark, type LacksMarkDeps } from '../sticky/lacks-mark.ts';
import { createLedgerProbe } from './ledger-probe.ts';
import { liftGate, type LiftGateDeps } from './lift-gate.ts';

/** An hour without a ledger leaves thousands of pods behind. A lift waits for the API server, the webhook and the ledger. */
const CONCURRENCY = 16;

/**
 * Limits the lifts. A webhook that does not know its callers takes 100 pods with one network a second in one namespace; more
 * would be refused. The gates of an hour at one pod a second take at least 40 seconds.
 */
const LIFTS: TokenBucketOptions = { capacity: 500, perSecond: 80 };

/** How soon a pod is checked again that is over the limit. */
const LIMITED_MS = 1_000;

/** How soon a pod is checked again whose last one may still run, which the ledger learns at this moment. */
const UNMARKED_MS = 1_000;

/** How soon a pod is checked again that waits for the ledger. Meanwhile the check costs no request. */
const LEDGER_CHECK_MS = 5_000;

/** Declares the controller of pods that the webhook gated because the ledger was away. It lifts their gates. */
export function schedulingGateController(
  { kind, cache }: CachedWorkloads,
  deps: Omit<LiftGateDeps, 'kind'> & LacksMarkDeps,
): ControllerSpec {
  const isLedgerBack = createLedgerProbe(deps.ledger);
  const lifts = createTokenBucket(LIFTS, () => performance.now());
  return {
    name: 'scheduling-gate',
    concurrency: CONCURRENCY,
    watches: [
      watch(cache, ({ type, object }) =>
        type !== 'deleted' && object.gate !== undefined ? [identityKey(object.metadata)] : [],
      ),
    ],
    reconcile: async (key) => {
      const identity = parseIdentityKey(key);
      const pod = cache.get(formatKey(identity));
      if (pod?.gate === undefined || pod.metadata.uid !== identity.uid) return undefined;
      if (pod.metadata.deletionTimestamp !== undefined) return undefined;
      if (!(await isLedgerBack())) return { requeueAfterMs: LEDGER_CHECK_MS };
      if (await lacksMark(pod, kind, deps)) return { requeueAfterMs: UNMARKED_MS };
      if (!lifts.take(1)) return { requeueAfterMs: LIMITED_MS };
      return await liftGate(pod, pod.gate, { ...deps, kind });
    },
  };
}
