import { macToNumber, numberToMac, parseAnyMac } from '../../mac/mac-address.ts';

/*
 * The geometry of a map. Its cells are addresses in rows of 256, so that a column is the last octet and a row all octets before.
 * The first and the last row may be partly outside the pool.
 */

export const COLUMNS = 256;

/** The cells of a pool, by the number of an address. */
export interface Grid {
  readonly first: number;
  readonly last: number;
  /** The address at the beginning of the first row. */
  readonly origin: number;
  readonly rows: number;
}

/** The columns that are visible, and the size of a cell in CSS pixels. */
export interface Zoom {
  readonly column: number;
  readonly columns: number;
  readonly cell: number;
}

export interface Cell {
  readonly row: number;
  readonly column: number;
}

/** Two cells, in any order. */
export interface Selection {
  readonly from: Cell;
  readonly to: Cell;
}

/** The fewest columns: their cells have room for the last octet. */
const MIN_COLUMNS = 8;

/** Returns the grid of a pool; `undefined` for a range that is none. */
export function gridOf(pool: { readonly first: string; readonly last: string }): Grid | undefined {
  const [from, to] = [parseAnyMac(pool.first), parseAnyMac(pool.last)];
  if (from === undefined || to === undefined || from > to) return undefined;
  const [first, last] = [macToNumber(from), macToNumber(to)];
  const origin = first - (first % COLUMNS);
  return { first, last, origin, rows: Math.floor((last - origin) / COLUMNS) + 1 };
}

/** Returns a zoom in which these columns fill a width. Cells are whole device pixels, so that all look alike. */
export function zoomOf(column: number, columns: number, width: number, pixelRatio: number): Zoom {
  const wanted = Math.min(COLUMNS, Math.max(MIN_COLUMNS, columns));
  const cell = Math.max(1, Math.floor((width * pixelRatio) / wanted)) / pixelRatio;
  return { column: Math.min(Math.max(0, column), COLUMNS - wanted), columns: wanted, cell };
}

/** Returns the address of a cell, or `undefined` outside the pool. */
export function addressAt(grid: Grid, { row, column }: Cell): number | undefined {
  const address = grid.origin + row * COLUMNS + column;
  const isInside = column >= 0 && column < COLUMNS && address >= grid.first && address <= grid.last;
  return isInside ? address : undefined;
}

/** Returns the cell of an address, moved into the pool. */
export function cellOf(grid: Grid, address: number): Cell {
  const offset = Math.min(Math.max(address, grid.first), grid.last) - grid.origin;
  return { row: Math.floor(offset / COLUMNS), column: offset % COLUMNS };
}

/** Returns the cell under a point of the visible part, whose top is `topRow` (perhaps a fraction). */
export function cellAt(zoom: Zoom, topRow: number, point: { readonly x: number; readonly y: number }): Cell {
  return {
    row: Math.floor(topRow + point.y / zoom.cell),
    column: Math.min(
      zoom.column + zoom.columns - 1,
      Math.max(zoom.column, zoom.column + Math.floor(point.x / zoom.cell)),
    ),
  };
}

/** Returns the zoom and the top row that show a selection as large as possible. */
export function zoomInto(
  { from, to }: Selection,
  view: { readonly width: number; readonly height: number; readonly pixelRatio: number },
): { readonly zoom: Zoom; readonly topRow: number } {
  const left = Math.min(from.column, to.column);
  const [top, bottom] = [Math.min(from.row, to.row), Math.max(from.row, to.row)];
  const columns = Math.abs(from.column - to.column) + 1;
  // The rows must fit too, so a tall selection shows more columns than it has.
  const byHeight = Math.ceil(((bottom - top + 1) * view.width) / view.height);
  const wanted = Math.max(columns, byHeight);
  const zoom = zoomOf(left - Math.floor((wanted - columns) / 2), wanted, view.width, view.pixelRatio);
  return { zoom, topRow: top };
}

/** A browser shows no element that is higher. Scrolling then moves over several rows at once. */
export const MAX_SCROLL_HEIGHT = 8_000_000;

/** Returns the height of all rows for the scroll bar. */
export function scrollHeight(grid: Grid, zoom: Zoom): number {
  return Math.min(MAX_SCROLL_HEIGHT, grid.rows * zoom.cell);
}

/** Returns the row at the top for a position of the scroll bar, and the inverse. */
export function rowAtScroll(grid: Grid, zoom: Zoom, scrollTop: number, height: number): number {
  const hidden = Math.max(1, scrollHeight(grid, zoom) - height);
  return (scrollTop / hidden) * Math.max(0, grid.rows - height / zoom.cell);
}

export function scrollAtRow(grid: Grid, zoom: Zoom, row: number, height: number): number {
  const most = Math.max(0, grid.rows - height / zoom.cell);
  if (most === 0) return 0;
  return (Math.min(Math.max(0, row), most) / most) * Math.max(0, scrollHeight(grid, zoom) - height);
}

/** Returns the address in its usual form. */
export function macOf(address: number): string {
  return numberToMac(address);
}
