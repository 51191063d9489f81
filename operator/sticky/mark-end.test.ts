import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { checkStored, consumerOf } from './mark-end.ts';

const MAC = mac('a4:58:0f:00:00:01');
const node = 'node-1';
const owner = { clusterId: 'c', kind: 'Pod', namespace: 'default', name: 'web-0', nic: 'default/blue#0' };
const unmarked = { mac: MAC, key: 'sticky/c/default/Pod/web-0/default/blue#0', owner, unreachableNode: undefined };
const marked = { ...unmarked, unreachableNode: node };

const metadata = { namespace: 'default', name: 'web-0', uid: 'first', resourceVersion: '1' };
const runsHere = { metadata, uses: [MAC], runsOn: { node, graceSeconds: 30 } };
const finishedHere = { metadata, uses: [], ranOn: node };
const next = { ...runsHere, metadata: { ...metadata, uid: 'next' }, runsOn: { node: 'node-2', graceSeconds: 30 } };

test.each([
  ['ends with the return of the node while its pod is stored', runsHere, marked, 'first', 'its node is ready again'],
  ['ends so also if the uid of its pod is not known', runsHere, marked, undefined, 'its node is ready again'],
  ['stays if the pod on the node does not use the address', { ...runsHere, uses: [] }, marked, undefined, undefined],
  ['ends with the last phase of its pod', finishedHere, marked, 'first', 'its pod was seen to end'],
  ['stays if another pod may have finished on the node', finishedHere, marked, undefined, undefined],
  ['stays while the next pod of the name lives elsewhere', next, marked, 'first', undefined],
  ['is not set if the next pod has the address already', next, unmarked, 'first', 'the next pod was faster'],
])('a mark %s', (_, pod, row, uid, ended) => {
  expect(checkStored(pod, { node, row }, uid)).toEqual(ended === undefined ? undefined : { ended });
});

test('a pod has its grace period also when the claim shows the next one, on another node', () => {
  const shown = { node: 'node-2', uid: 'next', terminationGracePeriodSeconds: 300 };
  const claim = { metadata, spec: { pool: 'p' }, status: { conditions: [], unreachableConsumer: shown } };
  expect(consumerOf({ node: 'node-2', claim })).toEqual(shown);
  expect(consumerOf({ node, claim })).toEqual({ node, terminationGracePeriodSeconds: 300 });
  expect(consumerOf({ node, claim: undefined })).toEqual({ node });
});
