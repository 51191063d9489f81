import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { mirrorStatus } from './status.ts';

const now = () => new Date('2026-01-02T03:04:05Z');
const metadata = { name: 'web-1a2b3c4d', namespace: 'default', uid: 'u-1', resourceVersion: '7', generation: 1 };

test('a mirror has no status while its object has the address in its networks', () => {
  expect(mirrorStatus({ metadata }, {}, { now })).toEqual({});
  expect(mirrorStatus({ metadata }, { reported: { isSeen: true } }, { now })).toEqual({});
});

test('a mirror says that its object does not have the address in its networks, and when it has it again', () => {
  const wrong = mirrorStatus({ metadata }, { isOnlyReported: true }, { now });
  expect(wrong.conditions).toMatchObject([{ type: 'Bound', status: 'True', reason: 'NotInNetworks' }]);
  const right = mirrorStatus({ metadata, status: wrong }, {}, { now });
  expect(right.conditions).toMatchObject([{ type: 'Bound', status: 'True', reason: 'Bound' }]);
});

test('a mirror says which address the interface really has, and when it has the right one', () => {
  const wrong = mirrorStatus({ metadata }, { reported: { actualMac: mac('02:00:00:00:00:01') } }, { now });
  const message = expect.stringContaining('The interface has 02:00:00:00:00:01') as string;
  expect(wrong.conditions).toMatchObject([
    { type: 'Applied', status: 'False', reason: 'PluginIgnoredAddress', message, observedGeneration: 1 },
  ]);
  const right = mirrorStatus({ metadata, status: wrong }, { reported: { isSeen: true } }, { now });
  expect(right.conditions).toMatchObject([{ type: 'Applied', status: 'True', reason: 'Applied' }]);
  const silent = mirrorStatus({ metadata, status: wrong }, {}, { now });
  expect(silent.conditions).toMatchObject([{ type: 'Applied', status: 'Unknown', reason: 'NotReported' }]);
});

test('a mirror keeps what else was reported on it', () => {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const conflict = {
    type: 'Conflict',
    status: 'True' as const,
    reason: 'AddressShared',
    message: 'm',
    lastTransitionTime,
  };
  const status = { conditions: [conflict] };
  expect(mirrorStatus({ metadata, status }, {}, { now })).toEqual(status);
  expect(mirrorStatus({ metadata, status }, { isOnlyReported: true }, { now }).conditions).toMatchObject([
    conflict,
    { type: 'Bound' },
  ]);
});
