import { expect, test } from 'vitest';
import { type MacPrefix, parsePrefix } from '../../mac/mac-range.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';
import { admitWorkload, type WorkloadAdmissionDeps } from './admit-workload.ts';

const never = () => new Promise<never>(() => undefined);

/** No dependency ever responds: a review that gets a response here used none of them. */
const unresponsive: WorkloadAdmissionDeps = {
  gate: { enter: () => Promise.resolve({ ok: true, terms: { pool: 'kubernetes' } }), take: () => undefined },
  prefix: parsePrefix('a4:58:0f') as MacPrefix,
  primaryCni: 'none',
  primaryNetwork: 'ovn-kubernetes/default',
  multusNamespace: 'kube-system',
  supportOf: never,
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
  allocation: {
    allocator: { allocate: never, close: never },
    ledger: { query: never },
    clusterId: 'c',
    ticket: () => undefined,
    leaseSeconds: 120,
    knowsCallers: true,
    findClaim: never,
    releaseAddresses: never,
    explainRefusal: never,
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

test.each([
  ['of another kind', { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }],
  ['without a namespace', { namespace: undefined }],
  ['without an object', { object: null }],
])('a review %s is refused as malformed', async (_, rest) => {
  const response = await admitWorkload(aReview({ metadata: { annotations: undefined } }, rest), unresponsive, 0);
  expect(response).toMatchObject({ allowed: false, refusal: { code: 422 } });
});
