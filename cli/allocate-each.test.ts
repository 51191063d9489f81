import { expect, test } from 'vitest';
import { mac } from '../mac/mac-address.ts';
import { allocateEach } from './allocate-each.ts';
import type { Address, CommandResult } from './backend.ts';
import { commandRefusal, type Exit } from './errors.ts';

const address = (n: number): Address => {
  return { mac: mac(`a4:58:0f:00:00:0${String(n)}`), pool: 'production', state: 'active', metadata: {} };
};

/** Allocates an address for every item, except the refused ones. */
function allocating(refused: Readonly<Record<number, Exit>>) {
  const tried: number[] = [];
  const allocate = (n: number): Promise<CommandResult<Address>> => {
    tried.push(n);
    const exit = refused[n];
    return Promise.resolve(
      exit === undefined
        ? { kind: 'done', value: address(n) }
        : { kind: 'refused', refusal: commandRefusal(`No ${String(n)}.`, '', exit) },
    );
  };
  return { tried, allocate };
}

test('a refusal does not keep the others from their addresses', async () => {
  const { tried, allocate } = allocating({ 2: 'conflict' });
  expect(await allocateEach([1, 2, 3], 1, allocate)).toEqual({
    kind: 'done',
    value: { addresses: [address(1), address(3)], refusals: [commandRefusal('No 2.', '', 'conflict')], untried: 0 },
  });
  expect(tried).toEqual([1, 2, 3]);
});

test('a refusal that concerns all ends it', async () => {
  const { tried, allocate } = allocating({ 2: 'forbidden' });
  const result = await allocateEach([1, 2, 3, 4], 1, allocate);
  expect(result).toMatchObject({ value: { addresses: [address(1)], untried: 2 } });
  expect(tried).toEqual([1, 2]);
});

test('a dry run has one message', async () => {
  const result = { kind: 'dry-run', message: 'It would.' } as const;
  expect(await allocateEach([1, 2], 2, () => Promise.resolve(result))).toEqual(result);
});
