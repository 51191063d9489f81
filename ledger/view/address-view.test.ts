import { expect, test } from 'vitest';
import { addressObject } from '../../api/ledger-view.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AddressRow } from '../address/address-row.ts';
import { addressView, decodeAddress, encodeAddress } from './address-view.ts';

const ROW: AddressRow = {
  mac: mac('a4:58:0f:01:00:00'),
  pool: 'development',
  state: 'active',
  generation: 3,
  key: 'claim/c/u',
  origin: 'allocate',
  observed: false,
  owner: { clusterId: 'c', kind: 'MacAllocation', namespace: 'shop', name: 'web', uid: 'u', nic: '' },
  device: { id: 'vm-1', type: 'qemu-vm' },
  consumer: { key: 'secret', kind: 'Pod', name: 'web-0', uid: 'p', nic: 'eth1', expiresAt: new Date(5_000) },
  metadata: { rack: 'a7' },
  allocatedAt: new Date(1_500),
  changedAt: new Date(2_000),
  expiresAt: new Date(3_000),
  requester: 'ada',
  actor: 'operator',
  reason: 'a claim was made',
};

test('a view shows neither the holder key nor the key of the consumer', () => {
  expect(JSON.stringify(addressView(ROW))).not.toMatch(/claim\/c\/u|secret/);
});

test('an address stays the same through the JSON of the read API', () => {
  const view = addressView(ROW);
  const object = addressObject.parse(JSON.parse(JSON.stringify(encodeAddress(view))));
  expect(object.metadata).toEqual({ name: 'a4:58:0f:01:00:00', creationTimestamp: '1970-01-01T00:00:01Z' });
  expect(decodeAddress(object)).toEqual(view);
});

test('an address of a name is sticky while it is held', () => {
  const row = { ...ROW, key: 'sticky/c/shop/Pod/web-0/eth0', unreachableNode: 'worker-1' };
  const view = addressView(row);
  expect(view).toMatchObject({ sticky: true, unreachableNode: 'worker-1' });
  const object = addressObject.parse(JSON.parse(JSON.stringify(encodeAddress(view))));
  expect(decodeAddress(object)).toEqual(view);
  expect(addressView({ ...row, state: 'released' }).sticky).toBeUndefined();
  expect(encodeAddress(addressView(ROW)).sticky).toBeUndefined();
});

test('the receiver of an address is shown as it is recorded', () => {
  const receiver = { clusterId: 'c2', clusterName: 'south', namespace: 'new', name: 'desk' };
  const handover = { ...receiver, since: new Date(1_000), asked: 'south/new/desk', ended: false, left: false };
  const view = addressView({ ...ROW, handover });
  expect(view.offeredTo).toEqual({ ...receiver, since: new Date(1_000), left: false });
  const object = addressObject.parse(JSON.parse(JSON.stringify(encodeAddress(view))));
  expect(decodeAddress(object)).toEqual(view);
  expect(encodeAddress(addressView(ROW)).offeredTo).toBeUndefined();
});

test('a state of a newer version counts as orphaned', () => {
  const object = { ...encodeAddress(addressView(ROW)), state: 'quarantined' };
  expect(decodeAddress(object).state).toBe('orphaned');
});
