import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { readyCondition } from './ready-condition.ts';

test('a range that overlaps names the other pool and its range', () => {
  const other = { name: 'docker', first: mac('a4:58:0f:01:00:00'), last: mac('a4:58:0f:01:ff:ff') };
  expect(readyCondition({ outcome: 'overlaps', other }, 'lab')).toMatchObject({
    status: 'False',
    reason: 'RangeOverlaps',
    message: expect.stringContaining('pool docker of the ledger (a4:58:0f:01:00:00 to a4:58:0f:01:ff:ff)') as string,
  });
});

test('a pool that others paused is not to be resumed by its spec', () => {
  const { reason, message } = readyCondition({ outcome: 'paused', by: 'others' }, 'lab');
  expect(reason).toBe('Paused');
  expect(message).toContain('`rock-mac pool resume lab`');
  expect(message).not.toContain('Set spec.paused');
});

test('a pool that another cluster paused is resumed there', () => {
  const { message } = readyCondition({ outcome: 'paused', by: 'others', cluster: 'shop' }, 'lab');
  expect(message).toContain('The MacPool of cluster shop');
  expect(message).toContain('`kubectl rock-mac pool resume lab` in that cluster');
});

test('a pool that others made random works, and its condition says who decides', () => {
  const { status, message } = readyCondition({ outcome: 'random_elsewhere' }, 'lab');
  expect(status).toBe('True');
  expect(message).toContain('A person');
  expect(message).toContain('`rock-mac pool strategy lab sequential`');
});

test('a pool that another cluster made random is made sequential there', () => {
  const { message } = readyCondition({ outcome: 'random_elsewhere', cluster: 'shop' }, 'lab');
  expect(message).toContain('The MacPool of cluster shop');
  expect(message).toContain('`kubectl rock-mac pool strategy lab sequential` in that cluster');
});
