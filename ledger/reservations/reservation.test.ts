import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { type HeldAddress, reservationsOf } from './reservation.ts';

const A = mac('a4:58:0f:00:00:01');
const B = mac('a4:58:0f:00:00:02');

function held(changes: Partial<HeldAddress>): HeldAddress {
  return { mac: A, pool: 'p', state: 'active', metadata: {}, ...changes };
}

test('an address has a reservation if its device has an IP address or a host name', () => {
  const { reservations, notes } = reservationsOf([
    held({ mac: B, metadata: { hostname: 'Web' } }),
    held({ metadata: { ip: '192.0.2.7', rack: 'a7' }, device: { id: 'vm', type: 'qemu-vm' } }),
    held({ mac: mac('a4:58:0f:00:00:03'), metadata: { rack: 'a7' } }),
  ]);
  expect(reservations).toEqual([
    {
      mac: A,
      ips: ['192.0.2.7'],
      hostname: undefined,
      pool: 'p',
      state: 'active',
      device: { id: 'vm', type: 'qemu-vm' },
    },
    { mac: B, ips: [], hostname: 'web', pool: 'p', state: 'active', device: undefined },
  ]);
  expect(notes).toEqual([]);
});

test('an IP address of two stays with the one that was allocated first, whatever their order', () => {
  const older = held({ mac: B, metadata: { ip: '192.0.2.7' }, allocatedAt: new Date(1) });
  const newer = held({ metadata: { ip: '192.0.2.7,192.0.2.8' }, allocatedAt: new Date(2) });
  for (const addresses of [
    [older, newer],
    [newer, older],
  ]) {
    const { reservations, notes } = reservationsOf(addresses);
    expect(reservations.map(({ mac, ips }) => [mac, ips])).toEqual([
      [A, ['192.0.2.8']],
      [B, ['192.0.2.7']],
    ]);
    expect(notes).toEqual([`${A} has the IP address 192.0.2.7 of ${B}, so it was left out.`]);
  }
});

test('a value of an older row that is not valid is left out with a note, and the rest is kept', () => {
  const { reservations, notes } = reservationsOf([held({ metadata: { ip: '10.0.0.300', hostname: 'web' } })]);
  expect(reservations).toMatchObject([{ mac: A, ips: [], hostname: 'web' }]);
  expect(notes).toEqual([`${A} has the ip "10.0.0.300", which is not valid, so it was left out.`]);
});
