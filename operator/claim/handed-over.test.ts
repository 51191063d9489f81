import { describe, expect, test } from 'vitest';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isHandedOver } from './handed-over.ts';

const annotations = { 'mac.rock-os.io/transfer-to': 'new/web' };
const claim = (more: Pick<MacAllocation['metadata'], 'annotations'> = {}): MacAllocation => {
  const metadata = { namespace: 'old', name: 'web', uid: 'u-1', resourceVersion: '1', ...more };
  return { metadata, spec: { pool: 'production' } };
};
const row = (origin: AddressRow['origin'], owner: Partial<NonNullable<AddressRow['owner']>> = {}) => {
  const next = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'new', name: 'web', uid: 'u-2', nic: '' };
  return { origin, owner: { ...next, ...owner } } as AddressRow;
};

describe('a claim whose address another owner has', () => {
  test.each<[string, MacAllocation, AddressRow, boolean]>([
    ['that took it over was handed over', claim(), row('transfer'), true],
    ['that is named by it was handed over, also after a recovery', claim({ annotations }), row('adopt'), true],
    ['that got it in another way was not', claim(), row('adopt'), false],
    ['that it does not name was not', claim({ annotations }), row('allocate', { name: 'db' }), false],
    ['that is a pod was not', claim({ annotations }), row('transfer', { kind: 'Pod' }), false],
    ['that is itself was not', claim(), row('transfer', { uid: 'u-1' }), false],
  ])('%s', (_, holder, held, wanted) => {
    expect(isHandedOver(holder, held)).toBe(wanted);
  });
});
