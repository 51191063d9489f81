import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import {
  admissionKey,
  boundKey,
  claimKey,
  deviceKey,
  importKey,
  isStickyKey,
  leaseKey,
  stickyKey,
} from './holder-key.ts';

const address = mac('a4:58:0f:05:00:00');
const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '/', '%', '2', 'F', '5', '#', 'é'), maxLength: 8 });
const anyOwner = fc.record({
  clusterId: anyText,
  kind: anyText,
  namespace: anyText,
  name: anyText,
  nic: anyText,
  pool: anyText,
  requested: fc.constantFrom(undefined, address),
});

describe('a holder key', () => {
  test('differs whenever one part of its owner differs', () => {
    fc.assert(
      fc.property(anyOwner, anyOwner, (a, b) => {
        expect(admissionKey(a) === admissionKey(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 2_000 },
    );
  });

  test('of one kind never equals a key of another kind', () => {
    const keys = [
      admissionKey({ clusterId: 'a', kind: 'b', namespace: '', name: '', nic: '', pool: '' }),
      leaseKey('a', 'b'),
      boundKey({ clusterId: 'a', uid: 'b', nic: '', mac: address }),
      claimKey({ clusterId: 'a', uid: 'b' }),
      deviceKey('a'),
      stickyKey({ clusterId: 'a', kind: 'b', namespace: '', name: '', nic: '' }),
      importKey(address),
    ];
    expect(new Set(keys.map((key) => key.split('/')[0])).size).toBe(keys.length);
  });

  test('of a sticky address is known as one, however long its parts are', () => {
    const sticky = { clusterId: 'a', kind: 'Pod', namespace: 'n', name: 'web-0', nic: 'eth0' };
    expect(isStickyKey(stickyKey(sticky))).toBe(true);
    expect(isStickyKey(stickyKey({ ...sticky, nic: 'n'.repeat(700) }))).toBe(true);
    expect(isStickyKey(deviceKey('sticky'))).toBe(false);
  });

  test('fits the ledger however long its parts are, and stays different', () => {
    const long = 'n'.repeat(2_000);
    const keys = [deviceKey(long), deviceKey(`${long}n`), leaseKey(long, 'eth0')];
    expect(keys.every((key) => key.length <= 600)).toBe(true);
    expect(new Set(keys).size).toBe(keys.length);
    expect(deviceKey(long)).not.toBe(deviceKey(deviceKey(long)));
  });
});
