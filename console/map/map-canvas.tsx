import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useConsole } from '../shared/context.ts';
import { hashOf } from '../shared/route.ts';
import { STATE_TEXTS, stateOfByte } from '../shared/state.tsx';
import { drawMap, type MapFilter, type Palette, readPalette } from './draw-map.ts';
import {
  addressAt,
  type Cell,
  cellAt,
  cellOf,
  COLUMNS,
  type Grid,
  macOf,
  rowAtScroll,
  scrollAtRow,
  scrollHeight,
  type Selection,
  type Zoom,
  zoomInto,
  zoomOf,
} from './map-view.ts';
import { createTiles, type Tiles } from './tiles.ts';

const REFRESH_MS = 5_000;

/** A smaller movement of the pointer is a click. */
const DRAG_PIXELS = 5;

interface Props {
  readonly pool: string;
  readonly grid: Grid;
  readonly cursor: number | undefined;
  readonly filter: MapFilter;
  readonly chosen: number | undefined;
  readonly onChoose: (address: number | undefined) => void;
  readonly onPoint: (address: number | undefined) => void;
}

/** The cells of a pool: as many as fit, the others by scrolling. */
export function MapCanvas({ pool, grid, cursor, filter, chosen, onChoose, onPoint }: Props) {
  const { client } = useConsole();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0, pixelRatio: 1 });
  const [columns, setColumns] = useState({ column: 0, columns: COLUMNS });
  const [selection, setSelection] = useState<Selection>();
  const [version, setVersion] = useState(0);
  const palette = useRef<Palette | undefined>(undefined);
  const tiles = useMemo(
    () => createTiles(grid, (first, count) => client.bytes('/api/map', { first, count, q: filter.text })),
    [client, grid, filter.text],
  );
  // While a new filter is loaded, the map shows the one before.
  const loaded = useRef<Tiles>(tiles);
  const stateAt = (address: number) => tiles.stateAt(address) ?? loaded.current.stateAt(address);
  const zoom = zoomOf(columns.column, columns.columns, size.width, size.pixelRatio);
  const height = Math.min(size.height, grid.rows * zoom.cell);
  const redraw = () => {
    setVersion((before) => before + 1);
  };
  const topRow = () => rowAtScroll(grid, zoom, scroller.current?.scrollTop ?? 0, height);
  const scrollTo = (row: number, by: Zoom = zoom) => {
    // The height of the scroller follows a new zoom only after the next rendering.
    requestAnimationFrame(() => {
      scroller.current?.scrollTo(0, scrollAtRow(grid, by, row, Math.min(size.height, grid.rows * by.cell)));
    });
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => {
      const { width, height: available } = element.getBoundingClientRect();
      setSize({ width, height: available, pixelRatio: window.devicePixelRatio });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    const onTheme = () => {
      palette.current = undefined;
      redraw();
    };
    window.addEventListener('themechange', onTheme);
    return () => {
      observer.disconnect();
      window.removeEventListener('themechange', onTheme);
    };
  }, []);

  // Loads what is visible, and loads it again while the page is looked at.
  useEffect(() => {
    if (size.width === 0) return;
    const load = (again: boolean) => {
      if (document.hidden) return;
      const top = topRow();
      tiles.load(top, top + height / zoom.cell, { again }).then(
        () => {
          loaded.current = tiles;
          redraw();
        },
        () => undefined, // the banner says why
      );
    };
    load(false);
    const timer = setInterval(() => {
      load(true);
    }, REFRESH_MS);
    const onScroll = () => {
      load(false);
      redraw();
    };
    const element = scroller.current;
    element?.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      clearInterval(timer);
      element?.removeEventListener('scroll', onScroll);
    };
  }, [tiles, size, columns]);

  useEffect(() => {
    if (chosen === undefined || size.width === 0) return;
    const { row } = cellOf(grid, chosen);
    const rows = height / zoom.cell;
    const top = topRow();
    if (row < top || row >= top + rows - 1) scrollTo(row - rows / 2);
  }, [chosen, size.width]);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element == null || context == null || size.width === 0) return;
    const { pixelRatio } = size;
    const [wide, high] = [Math.round(zoom.columns * zoom.cell * pixelRatio), Math.round(height * pixelRatio)];
    if (element.width !== wide) element.width = wide;
    if (element.height !== high) element.height = high;
    palette.current ??= readPalette(element);
    drawMap(context, {
      grid,
      zoom,
      stateAt,
      topRow: topRow(),
      width: zoom.columns * zoom.cell,
      height,
      pixelRatio,
      filter,
      palette: palette.current,
      cursor,
      chosen: chosen === undefined ? undefined : cellOf(grid, chosen),
      selection,
    });
  }, [version, size, columns, filter, cursor, chosen, selection, tiles]);

  const cellUnder = (event: PointerEvent): Cell => {
    const { left, top } = canvas.current?.getBoundingClientRect() ?? { left: 0, top: 0 };
    return cellAt(zoom, topRow(), { x: event.clientX - left, y: event.clientY - top });
  };
  const zoomTo = (wanted: Zoom, row: number) => {
    setColumns({ column: wanted.column, columns: wanted.columns });
    scrollTo(row, wanted);
  };
  const zoomBy = (factor: number) => {
    const centre =
      chosen === undefined
        ? { row: topRow() + height / zoom.cell / 2, column: zoom.column + zoom.columns / 2 }
        : cellOf(grid, chosen);
    const wanted = Math.round(zoom.columns * factor);
    const next = zoomOf(Math.round(centre.column - wanted / 2), wanted, size.width, size.pixelRatio);
    zoomTo(next, centre.row - size.height / next.cell / 2);
  };
  const open = (address: number | undefined) => {
    if (address !== undefined) location.hash = hashOf({ page: 'address', mac: macOf(address) });
  };
  const press = useRef<{ readonly x: number; readonly y: number; readonly cell: Cell } | undefined>(undefined);
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0 || event.pointerType === 'touch') return; // a finger scrolls
    press.current = { x: event.clientX, y: event.clientY, cell: cellUnder(event) };
    canvas.current?.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    const cell = cellUnder(event);
    onPoint(addressAt(grid, cell));
    const { current } = press;
    if (current === undefined) return;
    const moved = Math.max(Math.abs(event.clientX - current.x), Math.abs(event.clientY - current.y));
    if (moved >= DRAG_PIXELS) setSelection({ from: current.cell, to: cell });
  };
  const onPointerUp = () => {
    if (selection !== undefined) {
      const next = zoomInto(selection, size);
      zoomTo(next.zoom, next.topRow);
    }
  };
  const onClick = (event: MouseEvent) => {
    const wasDragged = selection !== undefined;
    press.current = undefined;
    setSelection(undefined);
    if (wasDragged) return;
    open(addressAt(grid, cellUnder(event as PointerEvent)));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const from = chosen ?? grid.first;
    if (step !== undefined) {
      const next = Math.min(grid.last, Math.max(grid.first, chosen === undefined ? from : from + step));
      onPoint(undefined);
      onChoose(next);
    } else if (event.key === 'Enter') open(chosen);
    else if (event.key === '+') zoomBy(0.5);
    else if (event.key === '-') zoomBy(2);
    else if (event.key === 'Escape') zoomBy(COLUMNS);
    else return;
    event.preventDefault();
  };
  const byte = chosen === undefined ? undefined : stateAt(chosen);
  const label =
    chosen === undefined
      ? `Map of pool ${pool}. Arrow keys choose an address.`
      : `${macOf(chosen)}, ${byte === undefined ? 'loading' : STATE_TEXTS[stateOfByte(byte)].label}`;
  return (
    <div class="map-area">
      <div class="map-zoom">
        <RowLabel grid={grid} row={topRow()} />
        <div class="map-buttons">
          <button
            type="button"
            onClick={() => {
              zoomBy(0.5);
            }}
            aria-label="Enlarge"
            title="Enlarge"
          >
            +
          </button>
          <button
            type="button"
            onClick={() => {
              zoomBy(2);
            }}
            disabled={zoom.columns === COLUMNS}
            aria-label="Show more"
            title="Show more"
          >
            −
          </button>
          <button
            type="button"
            onClick={() => {
              zoomBy(COLUMNS);
            }}
            disabled={zoom.columns === COLUMNS}
          >
            All columns
          </button>
        </div>
      </div>
      <div ref={scroller} class="map-scroller">
        <div style={{ height: `${String(scrollHeight(grid, zoom))}px` }}>
          <canvas
            ref={canvas}
            tabIndex={0}
            role="application"
            aria-roledescription="map of addresses"
            aria-label={label}
            style={{ width: `${String(zoom.columns * zoom.cell)}px`, height: `${String(height)}px` }}
            onPointerDown={onPointerDown}
            onPointerMove={onPointerMove}
            onPointerUp={onPointerUp}
            onPointerLeave={() => {
              onPoint(undefined);
            }}
            onClick={onClick}
            onKeyDown={onKeyDown}
          />
        </div>
      </div>
    </div>
  );
}

const STEPS: Readonly<Partial<Record<string, number>>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -COLUMNS,
  ArrowDown: COLUMNS,
  PageUp: -16 * COLUMNS,
  PageDown: 16 * COLUMNS,
};

/** Says which addresses the first visible row has. */
function RowLabel({ grid, row }: { readonly grid: Grid; readonly row: number }) {
  const address = grid.origin + Math.min(grid.rows - 1, Math.max(0, Math.floor(row))) * COLUMNS;
  return (
    <span class="muted">
      from <span class="mac">{macOf(Math.max(address, grid.first))}</span>; a row is 256 addresses
    </span>
  );
}
