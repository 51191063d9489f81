import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';
import { addressReport } from './address-list.ts';

const owner = { clusterId: 'c', kind: 'MacAllocation', namespace: 'default', uid: 'u', nic: '' };

/** Returns the table row of an address with this holder. */
function line(holder: Pick<Address, 'device' | 'owner'>, format: 'table' | 'wide' = 'table'): string | undefined {
  const address = {
    mac: mac('a4:58:0f:01:00:00'),
    pool: 'development',
    state: 'active',
    metadata: {},
    ...holder,
  } as const;
  return addressReport({ items: [address] }).lines(format)[2];
}

test.each([
  [
    'a device, never truncated',
    { device: { id: 'vm-with-a-name-of-29-letters' } },
    'vm-with-a-name-of-29-letters active',
  ],
  ['an object', { owner: { ...owner, name: 'web-1' } }, 'default/web-1        active'],
  ['the end of a long object name', { owner: { ...owner, name: 'mac-0123456789' } }, '…ault/mac-0123456789 active'],
  ['nothing for an address without a holder', {}, '                     active'],
])('the device column shows %s', (_, holder, wanted) => {
  expect(line(holder)).toBe(`a4:58:0f:01:00:00    development  ${wanted}`);
});

test.each([
  ['a claim, which has no NIC', owner, /MacAllocation\/default\/web-1$/],
  ['a pod', { ...owner, kind: 'Pod', nic: 'eth1' }, /Pod\/default\/web-1\/eth1$/],
])('the wide owner column shows %s', (_, holder, wanted) => {
  expect(line({ owner: { ...holder, name: 'web-1' } }, 'wide')).toMatch(wanted);
});

test('IP addresses and the host name are the last columns of the wide table and of CSV', () => {
  const address = {
    mac: mac('a4:58:0f:01:00:00'),
    pool: 'development',
    state: 'active',
    metadata: { ip: '192.0.2.7,2001:db8::7', hostname: 'web-1' },
  } as const;
  const report = addressReport({ items: [address] });
  expect(report.lines('wide')[0]).toMatch(/Requester +IP Address +Hostname$/);
  expect(report.lines('wide')[2]).toMatch(/ 192\.0\.2\.7,2001:db8::7 web-1$/);
  const csv = report.csv?.();
  expect(csv?.heads.slice(-2)).toEqual(['ip', 'hostname']);
  expect(csv?.rows[0]?.slice(-2)).toEqual(['192.0.2.7,2001:db8::7', 'web-1']);
});
