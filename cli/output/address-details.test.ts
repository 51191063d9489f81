import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';
import { addressDetails } from './address-details.ts';

const NOW = new Date('2026-05-01T12:00:00Z');
const STICKY: Address = {
  mac: mac('a4:58:0f:05:00:00'),
  pool: 'kubernetes',
  state: 'active',
  metadata: {},
  sticky: true,
  owner: { clusterId: 'c1', kind: 'Pod', namespace: 'shop', name: 'web-0', nic: 'eth0' },
};

const assignment = { administration: 'universal', vendor: 'Example' } as const;
const lines = (changes: Partial<Address>) =>
  addressDetails({ ...STICKY, ...changes }, { assignment, history: [], now: NOW });

test('the vendor follows the lines of the predecessor', () => {
  expect(lines({})[5]).toBe('Vendor:       Example, universally administered');
});

test('a sticky address names whose it stays and how it ends', () => {
  expect(lines({})).toContain('Sticky:       stays with Pod shop/web-0');
  expect(lines({})).toContain(
    'Next:         stays with its name: deleting its sticky MacAllocation releases it, or leaves it to the object that uses it',
  );
  expect(lines({ sticky: undefined }).join('\n')).not.toContain('Sticky');
});

test('an unused sticky address says since when, and is not missing', () => {
  const text = lines({ missingSince: NOW }).join('\n');
  expect(text).toMatch(/^Sticky: {7}stays with Pod shop\/web-0; unused since 2026-05-01/m);
  expect(text).not.toContain('Missing Since');
  expect(lines({ sticky: undefined, missingSince: NOW }).join('\n')).toContain('Missing Since');
});

test('an address that is offered names the receiver, since when, and what happens next', () => {
  const offeredTo = { clusterId: 'c2', clusterName: 'south', namespace: 'new', name: 'desk', since: NOW, left: false };
  const offered = lines({ sticky: undefined, offeredTo });
  expect(offered.join('\n')).toMatch(
    /^Offered To: {3}VirtualMachine new\/desk in cluster south, recorded 2026-05-01 \d\d:\d\d$/m,
  );
  expect(offered).toContain(
    'Next:         goes to the machine that it is offered to, if that one has it when its owner ends; otherwise it is released',
  );
  const left = lines({ sticky: undefined, offeredTo: { ...offeredTo, clusterName: undefined, left: true } }).join('\n');
  expect(left).toMatch(/in cluster c2, recorded .*; its owner has ended and has left it$/m);
  expect(left).toContain('takes it, when the quotas');
});

test('an address that waits for a node names the node', () => {
  expect(lines({ unreachableNode: 'worker-1' })).toContain(
    'Unreachable:  node worker-1 does not respond, and its last pod may still run there',
  );
});

test('IP addresses and the host name have lines of their own, and metadata shows the rest', () => {
  const metadata = { ip: '192.0.2.7,2001:db8::7', hostname: 'web-1', rack: 'a7' };
  const shown = lines({ metadata });
  expect(shown).toContain('IP Address:   192.0.2.7, 2001:db8::7');
  expect(shown).toContain('Hostname:     web-1');
  expect(shown).toContain('Metadata:     {"rack":"a7"}');
  expect(lines({ metadata: { ip: 'none' } })).toContain('Metadata:     {"ip":"none"}');
});

test('the history says why each change was made, if somebody said it', () => {
  const entry = {
    id: 1,
    action: 'set',
    mac: STICKY.mac,
    pool: 'kubernetes',
    user: 'ada',
    actor: 'ada',
    login: 'ada',
    details: {},
  };
  const timestamp = new Date('2026-01-31T09:05:00Z');
  const history = [
    { ...entry, timestamp, deviceId: 'vm', reason: 'moved to rack 9' },
    { ...entry, timestamp, deviceId: 'vm', reason: '' },
  ];
  const lines = addressDetails(STICKY, { assignment, history, now: NOW });
  expect(lines.at(-2)).toMatch(/^2026-01-31 09:05:00 set .* ada +vm \(moved to rack 9\)$/);
  expect(lines.at(-1)).toMatch(/ vm$/);
});
