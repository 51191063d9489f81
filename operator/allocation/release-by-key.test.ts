import { expect, test, vi } from 'vitest';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { ReleaseOutcome } from '../../ledger/address/release.ts';
import { mac } from '../../mac/mac-address.ts';
import { releaseEnded } from './release-by-key.ts';

const address = { mac: mac('a4:58:0f:05:00:01'), generation: 3, key: 'key of the pod' };

function ledgerThat(...outcomes: ReleaseOutcome['outcome'][]) {
  const findByHolderKey = vi.fn(() =>
    Promise.resolve({ ...address, generation: 4, owner: { kind: 'Pod' } } as unknown as AddressRow),
  );
  const releaseGone = vi.fn(() => Promise.resolve({ outcome: outcomes.shift() ?? 'unknown' } as ReleaseOutcome));
  const released = vi.fn();
  const deps = {
    groupedCalls: { findByHolderKey, releaseGone },
    metrics: { released },
    workloads: new Map([['Pod', { kind: { endsItsUse: true } }]]),
  } as unknown as Parameters<typeof releaseEnded>[1];
  return { deps, findByHolderKey, releaseGone, released };
}

test('the address of a pod that ended is released by its mirror, without a look-up', async () => {
  const { deps, findByHolderKey, released } = ledgerThat('released');
  expect(await releaseEnded(address, deps)).toBe('released');
  expect(findByHolderKey).not.toHaveBeenCalled();
  expect(released).toHaveBeenCalledOnce();
});

test('an address of which the mirror has another generation is looked up and released', async () => {
  const { deps, releaseGone, released } = ledgerThat('not_owner', 'released');
  expect(await releaseEnded({ ...address, endUnseen: true }, deps)).toBe('released');
  expect(releaseGone).toHaveBeenLastCalledWith(expect.objectContaining({ generation: 4, endUnseen: true }));
  expect(released).toHaveBeenCalledOnce();
});
