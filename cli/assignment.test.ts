import { expect, test } from 'vitest';
import { mac } from '../mac/mac-address.ts';
import { assignmentOf, assignmentText } from './assignment.ts';

// Vitest takes seconds to load the registry; Node takes a twentieth of one.
const LOADING_MS = 30_000;

test(
  'an address of a large block names its vendor',
  async () => {
    const assignment = await assignmentOf(mac('00:0c:29:00:00:01'));
    expect(assignment).toEqual({ administration: 'universal', vendor: 'VMware, Inc.' });
    expect(assignmentText(assignment)).toBe('VMware, Inc., universally administered');
  },
  LOADING_MS,
);

test('a block in a block of IEEE names its own holder, and IEEE only where the registry has no smaller one', async () => {
  const { vendor } = await assignmentOf(mac('a4:58:0f:05:00:00'));
  expect(vendor).toBeDefined();
  expect(vendor).not.toMatch(/IEEE/);
  expect((await assignmentOf(mac('a4:58:0f:ff:00:00'))).vendor).toMatch(/IEEE Registration Authority/);
});

test('an address of a network says so and has no vendor', async () => {
  const assignment = await assignmentOf(mac('a6:58:0f:05:00:00'));
  expect(assignment).toEqual({ administration: 'local' });
  expect(assignmentText(assignment)).toBe('locally administered');
});

test('a block that the registry lacks has no vendor', async () => {
  expect(await assignmentOf(mac('fc:ff:ff:00:00:00'))).toEqual({ administration: 'universal' });
});
