import { expect, test } from 'vitest';
import { gridOf } from './map-view.ts';
import { createTiles } from './tiles.ts';

const GRID = gridOf({ first: 'a4:58:0f:05:00:10', last: 'a4:58:0f:06:ff:ff' });

function tilesOf() {
  const calls: string[] = [];
  if (GRID === undefined) throw new Error('the range is valid');
  const tiles = createTiles(GRID, (first, count) => {
    calls.push(`${first} ${String(count)}`);
    return Promise.resolve(new Uint8Array(count).fill(4));
  });
  return { tiles, calls, grid: GRID };
}

test('only the rows that are looked at are loaded, and only addresses of the pool', async () => {
  const { tiles, calls, grid } = tilesOf();
  await tiles.load(0, 70, { again: false });
  expect(calls).toEqual(['a4:58:0f:05:00:10 16368', 'a4:58:0f:05:40:00 16384']);
  expect(tiles.stateAt(grid.first)).toBe(4);
  expect(tiles.stateAt(grid.last)).toBeUndefined();
});

test('a row is loaded once, and again on demand', async () => {
  const { tiles, calls } = tilesOf();
  await Promise.all([tiles.load(0, 10, { again: false }), tiles.load(5, 20, { again: false })]);
  await tiles.load(0, 63, { again: false });
  expect(calls).toHaveLength(1);
  await tiles.load(0, 63, { again: true });
  expect(calls).toHaveLength(2);
});

test('rows after the end load nothing', async () => {
  const { tiles, calls } = tilesOf();
  await tiles.load(500, 2_000, { again: false });
  expect(calls).toEqual(['a4:58:0f:06:c0:00 16384']);
});
