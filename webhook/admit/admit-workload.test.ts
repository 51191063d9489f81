import { describe, expect, test } from 'vitest';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { systemClock } from '../../time/clock.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';
import { unavailable } from '../review/refusal.ts';
import { admitWorkload, type WorkloadAdmissionDeps } from './admit-workload.ts';

const never = () => new Promise<never>(() => undefined);

/** No dependency ever responds: a review that gets a response here used none of them. */
const unresponsive: WorkloadAdmissionDeps = {
  gate: { enter: () => Promise.resolve({ ok: true, terms: { pool: 'kubernetes' } }), take: () => undefined },
  prefixes: () => [macPrefix('a4:58:0f')],
  primaryCni: 'none',
  primaryNetwork: 'ovn-kubernetes/default',
  multusNamespace: 'kube-system',
  findNetworks: never,
  mayUsePool: never,
  newLeaseId: () => 'lease',
  schedulingGate: {
    breaker: undefined,
    keys: { current: () => Buffer.alloc(32), all: () => [] },
    clusterId: 'c',
    operator: 'operator',
    now: () => new Date(),
  },
  stock: {
    stock: undefined,
    keys: { current: () => Buffer.alloc(32) },
    clusterId: 'c',
    now: () => new Date(),
    answered: () => undefined,
  },
  duplicates: {
    mode: 'refuse',
    ledger: { query: never },
    clusterId: 'c',
    segmentOf: () => '',
    isLedgerAway: () => false,
    now: () => new Date(),
  },
  answerFromClaims: never,
  allocation: {
    allocator: { allocate: never, close: never },
    ledger: { query: never },
    clusterId: 'c',
    ticket: () => undefined,
    claimLeaseSeconds: 60,
    knowsCallers: true,
    findClaim: never,
    releaseAddresses: never,
    explainRefusal: never,
  },
  claimSets: {
    ledger: { query: never },
    clusterId: 'c',
    ticket: () => undefined,
    claimLeaseSeconds: 60,
    knowsCallers: true,
    listClaims: never,
    waitWhileServed: ({ first }) => Promise.resolve(first),
    clock: systemClock,
  },
};

function aReview(object: AdmissionRequest['object'], rest: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    uid: 'u',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'web',
    userInfo: { username: 'ann' },
    object,
    ...rest,
  };
}

test('a pod that names thousands of networks is refused before any of them is looked up', async () => {
  const names = Array.from({ length: 5_000 }, (_, index) => `n${String(index)}`);
  const pod = { metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': names.join(',') } } };
  expect(await admitWorkload(aReview(pod), unresponsive, Date.now() + 3_000)).toMatchObject({
    allowed: false,
    refusal: {
      code: 422,
      message: expect.stringMatching(/5000 interfaces.*64 is the limit.*\nUse fewer/) as string,
    },
  });
});

test.each([true, false])(
  'a machine with too many addresses of other prefixes is refused before any is looked up (dry run: %j)',
  async (dryRun) => {
    const interfaces = Array.from({ length: 65 }, (_, index) => ({
      name: `n${String(index)}`,
      macAddress: `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`,
      bridge: {},
    }));
    const instance = {
      metadata: { name: 'vm', annotations: undefined },
      spec: { domain: { devices: { interfaces } } },
    };
    const review = aReview(instance, {
      dryRun,
      kind: { group: 'kubevirt.io', version: 'v1', kind: 'VirtualMachineInstance' },
    });
    expect(await admitWorkload(review, unresponsive, Date.now() + 3_000)).toMatchObject({
      allowed: false,
      refusal: { code: 422, message: expect.stringMatching(/^65 interfaces.*64 is the limit/) as string },
    });
  },
);

test.each([
  ['of another kind', { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }],
  ['without a namespace', { namespace: undefined }],
  ['without an object', { object: null }],
])('a review %s is refused as malformed', async (_, rest) => {
  const response = await admitWorkload(aReview({ metadata: { annotations: undefined } }, rest), unresponsive, 0);
  expect(response).toMatchObject({ allowed: false, refusal: { code: 422 } });
});

describe('while the ledger is away', () => {
  const A = mac('a4:58:0f:05:00:01');
  const annotations = { 'mac.rock-os.io/inject': 'true', 'mac.rock-os.io/sticky': 'true' };
  const pod = aReview({ metadata: { name: 'web-0', annotations }, spec: {} }, { name: 'web-0' });
  const claims = (macs: readonly ReturnType<typeof mac>[] | undefined) => () => Promise.resolve(macs);
  const failing = () => Promise.reject(new LedgerError('LEDGER_UNAVAILABLE', 'no'));
  const breaker = (isOpen: boolean) => ({ isOpen: () => isOpen, failed: () => undefined });

  function away(changes: Pick<WorkloadAdmissionDeps, 'answerFromClaims'>, isKnown: boolean): WorkloadAdmissionDeps {
    const { allocation, schedulingGate } = unresponsive;
    return {
      ...unresponsive,
      findNetworks: () => Promise.resolve(new Map()),
      // A ledger that is known to be away is not asked at all.
      ...(!isKnown && {
        allocation: {
          ...allocation,
          allocator: { allocate: failing, close: never },
          releaseAddresses: () => Promise.resolve(),
          explainRefusal: () =>
            Promise.resolve({ ...unavailable('no'), cause: new LedgerError('LEDGER_TIMEOUT', 'no') }),
        },
      }),
      schedulingGate: { ...schedulingGate, breaker: breaker(isKnown) },
      ...changes,
    };
  }

  test.each([true, false])(
    'a sticky claim answers, and the pod does not wait (known to be away: %j)',
    async (isKnown) => {
      const deps = away({ answerFromClaims: claims([A]) }, isKnown);
      const response = await admitWorkload(pod, deps, Date.now() + 3_000);
      expect(response).toMatchObject({
        allowed: true,
        patch: [{ value: `[{"mac":"${A}"}]` }],
      });
      expect(JSON.stringify(response)).not.toContain('schedulingGates');
    },
  );

  test.each([true, false])('a pod without a sticky claim waits (known to be away: %j)', async (isKnown) => {
    const response = await admitWorkload(
      pod,
      away({ answerFromClaims: claims(undefined) }, isKnown),
      Date.now() + 3_000,
    );
    expect(response).toMatchObject({ allowed: true, warnings: [expect.stringContaining('ledger cannot be reached')] });
    expect(JSON.stringify(response)).toContain('schedulingGates');
  });
});
