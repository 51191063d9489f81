import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressAt,
  cellAt,
  cellOf,
  gridOf,
  rowAtScroll,
  scrollAtRow,
  scrollHeight,
  zoomInto,
  zoomOf,
} from './map-view.ts';

function grid(first: string, last: string) {
  const made = gridOf({ first, last });
  if (made === undefined) throw new Error('the range is valid');
  return made;
}

const POOL = grid('a4:58:0f:05:00:00', 'a4:58:0f:05:ff:ff');

describe('the grid of a pool', () => {
  test('has a row for each 256 addresses', () => {
    expect(POOL.rows).toBe(256);
    expect(grid('a4:58:0f:05:00:10', 'a4:58:0f:05:01:0f').rows).toBe(2);
    expect(grid('a4:58:0f:05:00:10', 'a4:58:0f:05:00:10').rows).toBe(1);
  });

  test('has no address before the first or after the last one of the pool', () => {
    const part = grid('a4:58:0f:05:00:10', 'a4:58:0f:05:01:0f');
    expect(addressAt(part, { row: 0, column: 15 })).toBeUndefined();
    expect(addressAt(part, { row: 0, column: 16 })).toBe(part.first);
    expect(addressAt(part, { row: 1, column: 16 })).toBeUndefined();
    expect(addressAt(part, { row: 0, column: 256 })).toBeUndefined();
  });

  test('gives each address a cell of its own', () => {
    fc.assert(
      fc.property(fc.integer({ min: POOL.first, max: POOL.last }), (address) => {
        expect(addressAt(POOL, cellOf(POOL, address))).toBe(address);
      }),
    );
  });

  test('is none for a range in the wrong order', () => {
    expect(gridOf({ first: 'a4:58:0f:05:00:01', last: 'a4:58:0f:05:00:00' })).toBeUndefined();
  });
});

describe('a zoom', () => {
  test('has cells of whole device pixels', () => {
    expect(zoomOf(0, 256, 800, 1).cell).toBe(3);
    expect(zoomOf(0, 256, 358, 3).cell).toBeCloseTo(4 / 3);
    expect(zoomOf(0, 256, 100, 1).cell).toBe(1);
  });

  test('stays within the columns', () => {
    expect(zoomOf(250, 64, 800, 1).column).toBe(192);
    expect(zoomOf(-5, 64, 800, 1).column).toBe(0);
  });

  test('shows all of what was dragged', () => {
    const view = { width: 800, height: 600, pixelRatio: 1 };
    const { zoom, topRow } = zoomInto({ from: { row: 40, column: 90 }, to: { row: 10, column: 60 } }, view);
    expect(topRow).toBe(10);
    expect(zoom.column).toBeLessThanOrEqual(60);
    expect(zoom.column + zoom.columns).toBeGreaterThan(90);
    expect(31 * zoom.cell).toBeLessThanOrEqual(view.height);
  });

  test('finds the cell under a point', () => {
    const zoom = zoomOf(64, 64, 640, 1);
    expect(cellAt(zoom, 2.5, { x: 25, y: 7 })).toEqual({ row: 3, column: 66 });
    expect(cellAt(zoom, 0, { x: 5_000, y: 0 }).column).toBe(127);
  });
});

describe('scrolling', () => {
  const HUGE = grid('a4:00:00:00:00:00', 'a4:ff:ff:ff:ff:ff');

  test.each([POOL, HUGE])('leads to the first and to the last row', (pool) => {
    const zoom = zoomOf(0, 256, 800, 1);
    const height = 600;
    expect(rowAtScroll(pool, zoom, 0, height)).toBe(0);
    const end = scrollHeight(pool, zoom) - height;
    expect(rowAtScroll(pool, zoom, end, height) + height / zoom.cell).toBeCloseTo(pool.rows);
  });

  test('a row has the same position in both directions', () => {
    const zoom = zoomOf(0, 16, 800, 1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: POOL.rows - 20 }), (row) => {
        expect(rowAtScroll(POOL, zoom, scrollAtRow(POOL, zoom, row, 600), 600)).toBeCloseTo(row);
      }),
    );
  });
});
