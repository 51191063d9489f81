import { FOUND, type MapState } from '../../api/state-map.ts';
import { stateOfByte, STATES } from '../shared/state.tsx';
import { addressAt, type Cell, COLUMNS, type Grid, type Selection, type Zoom } from './map-view.ts';

/** The colours of a theme, as red, green and blue. */
export interface Palette {
  readonly states: Readonly<Record<MapState, Colour>>;
  readonly outside: Colour;
  readonly loading: Colour;
  readonly line: string;
  readonly mark: string;
  readonly text: string;
}

type Colour = readonly [number, number, number];

/** What is not dimmed. */
export interface MapFilter {
  /** Empty: all states. */
  readonly states: ReadonlySet<MapState>;
  /** Only addresses in which the map has found this text. Empty: all of them. */
  readonly text: string;
}

export interface Scene {
  readonly grid: Grid;
  readonly zoom: Zoom;
  /** Returns the byte of an address, or `undefined` while it is not loaded. */
  readonly stateAt: (address: number) => number | undefined;
  readonly topRow: number;
  readonly width: number;
  readonly height: number;
  readonly pixelRatio: number;
  readonly filter: MapFilter;
  readonly palette: Palette;
  /** The address that is handed out next. */
  readonly cursor: number | undefined;
  readonly chosen: Cell | undefined;
  readonly selection: Selection | undefined;
}

/** How much of its colour a dimmed cell keeps. */
const DIMMED = 0.14;

/** From this size on, cells have gaps between them, and from the other one on, room for the last octet. */
const LINES_FROM = 6;
const TEXT_FROM = 20;

/** Reads the colours of the page. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const value = (name: string) => style.getPropertyValue(name).trim();
  const states = Object.fromEntries(STATES.map((state) => [state, colourOf(value(`--state-${state}`))]));
  return {
    states: states as Record<MapState, Colour>,
    outside: colourOf(value('--surface')),
    loading: colourOf(value('--surface-2')),
    line: value('--surface'),
    mark: value('--text'),
    text: value('--text'),
  };
}

/** Reads a colour such as `#2f6fde`. */
function colourOf(text: string): Colour {
  const digits = /^#([0-9a-f]{6})$/i.exec(text)?.[1] ?? '808080';
  const part = (at: number) => Number.parseInt(digits.slice(at, at + 2), 16);
  return [part(0), part(2), part(4)];
}

/** Draws the visible part of a map. Each cell is one pixel of an image, which is then enlarged. */
export function drawMap(context: CanvasRenderingContext2D, scene: Scene): void {
  const { zoom, width, height, pixelRatio } = scene;
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  const firstRow = Math.floor(scene.topRow);
  const rows = Math.min(scene.grid.rows - firstRow, Math.ceil(height / zoom.cell) + 1);
  if (rows <= 0) return;
  // Whole device pixels, so that scrolling does not blur the cells.
  const top = Math.round((firstRow - scene.topRow) * zoom.cell * pixelRatio) / pixelRatio;
  const image = new OffscreenCanvas(zoom.columns, rows);
  image.getContext('2d')?.putImageData(imageOf(scene, firstRow, rows), 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, top, zoom.columns * zoom.cell, rows * zoom.cell);
  if (zoom.cell >= LINES_FROM) drawLines(context, scene, { top, rows });
  if (zoom.cell >= TEXT_FROM) drawOctets(context, scene, { top, rows, firstRow });
  if (scene.cursor !== undefined) drawCursor(context, scene, scene.cursor);
  if (scene.chosen !== undefined) outline(context, scene, scene.chosen, scene.chosen, 2);
  if (scene.selection !== undefined) outline(context, scene, scene.selection.from, scene.selection.to, 1.5);
}

function imageOf(scene: Scene, firstRow: number, rows: number): ImageData {
  const { zoom } = scene;
  const image = new ImageData(zoom.columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < zoom.columns; column++) {
      const [red, green, blue] = colourAt(scene, { row: firstRow + row, column: zoom.column + column });
      image.data.set([red, green, blue, 255], 4 * (row * zoom.columns + column));
    }
  }
  return image;
}

function colourAt({ grid, stateAt, palette, filter }: Scene, cell: Cell): Colour {
  const address = addressAt(grid, cell);
  if (address === undefined) return palette.outside;
  const byte = stateAt(address);
  if (byte === undefined) return palette.loading;
  const state = stateOfByte(byte);
  const colour = palette.states[state];
  const isShown =
    (filter.states.size === 0 || filter.states.has(state)) && (filter.text === '' || (byte & FOUND) !== 0);
  return isShown ? colour : mix(palette.outside, colour, DIMMED);
}

function mix(a: Colour, b: Colour, share: number): Colour {
  const part = (at: 0 | 1 | 2) => Math.round(a[at] + (b[at] - a[at]) * share);
  return [part(0), part(1), part(2)];
}

interface Shown {
  readonly top: number;
  readonly rows: number;
}

function drawLines(context: CanvasRenderingContext2D, { zoom, palette }: Scene, { top, rows }: Shown): void {
  context.fillStyle = palette.line;
  const [width, height] = [zoom.columns * zoom.cell, rows * zoom.cell];
  for (let column = 1; column < zoom.columns; column++) context.fillRect(column * zoom.cell - 0.5, top, 1, height);
  for (let row = 1; row < rows; row++) context.fillRect(0, top + row * zoom.cell - 0.5, width, 1);
}

function drawOctets(
  context: CanvasRenderingContext2D,
  scene: Scene,
  { top, rows, firstRow }: Shown & { readonly firstRow: number },
): void {
  const { zoom, grid } = scene;
  context.font = `${String(Math.min(13, zoom.cell * 0.45))}px ui-monospace, monospace`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < zoom.columns; column++) {
      const cell = { row: firstRow + row, column: zoom.column + column };
      if (addressAt(grid, cell) === undefined) continue;
      const [red, green, blue] = colourAt(scene, cell);
      context.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? '#10151b' : '#ffffff';
      const octet = (cell.column % COLUMNS).toString(16).padStart(2, '0');
      context.fillText(octet, (column + 0.5) * zoom.cell, top + (row + 0.5) * zoom.cell);
    }
  }
}

/** Marks the address that is handed out next, and the border between used addresses and those that were never used. */
function drawCursor(context: CanvasRenderingContext2D, scene: Scene, cursor: number): void {
  const { grid, zoom, topRow } = scene;
  const row = Math.floor((cursor - grid.origin) / COLUMNS);
  const column = (cursor - grid.origin) % COLUMNS;
  const y = (row - topRow) * zoom.cell;
  const x = (column - zoom.column) * zoom.cell;
  const end = zoom.columns * zoom.cell;
  context.strokeStyle = scene.palette.mark;
  context.lineWidth = 1.5;
  context.beginPath();
  // A step: the row below before the cursor, its own row from it on.
  context.moveTo(0, y + zoom.cell);
  const bend = Math.min(Math.max(x, 0), end);
  context.lineTo(bend, y + zoom.cell);
  context.lineTo(bend, y);
  context.lineTo(end, y);
  context.stroke();
}

function outline(context: CanvasRenderingContext2D, scene: Scene, a: Cell, b: Cell, width: number): void {
  const { zoom, topRow, palette } = scene;
  const [left, right] = [Math.min(a.column, b.column), Math.max(a.column, b.column) + 1];
  const [top, bottom] = [Math.min(a.row, b.row), Math.max(a.row, b.row) + 1];
  context.strokeStyle = palette.mark;
  context.lineWidth = width;
  context.strokeRect(
    (left - zoom.column) * zoom.cell - width / 2,
    (top - topRow) * zoom.cell - width / 2,
    (right - left) * zoom.cell + width,
    (bottom - top) * zoom.cell + width,
  );
}
