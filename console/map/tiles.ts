import { MAX_MAP_COUNT } from '../../api/state-map.ts';
import { COLUMNS, type Grid, macOf } from './map-view.ts';

/** Rows of a tile: the part of a map that is loaded at once. */
export const TILE_ROWS = 64;

/** A tile is smaller than the largest map, so that the first rows are there soon. */
const TILE_COUNT = Math.min(TILE_ROWS * COLUMNS, MAX_MAP_COUNT);

/** Tiles that are kept: 4 MiB. */
const MAX_TILES = 256;

/** Loads `count` states from an address on. */
export type LoadStates = (first: string, count: number) => Promise<Uint8Array>;

/** The states of a pool, loaded where they are looked at. */
export interface Tiles {
  /** Returns the byte of an address, or `undefined` while it is not loaded. */
  stateAt(address: number): number | undefined;
  /** Loads the tiles of these rows that are missing, or all of them again. Resolves when they are there. */
  load(fromRow: number, toRow: number, options: { readonly again: boolean }): Promise<void>;
}

export function createTiles(grid: Grid, loadStates: LoadStates): Tiles {
  const tiles = new Map<number, Uint8Array>();
  const loading = new Map<number, Promise<void>>();

  async function loadTile(index: number): Promise<void> {
    const begin = grid.origin + index * TILE_COUNT;
    // The address 0 and group addresses are no addresses of devices, so ask only within the pool.
    const first = Math.max(begin, grid.first);
    const last = Math.min(begin + TILE_COUNT - 1, grid.last);
    const states = await loadStates(macOf(first), last - first + 1);
    const tile = new Uint8Array(TILE_COUNT);
    tile.set(states, first - begin);
    tiles.delete(index);
    tiles.set(index, tile);
    for (const oldest of tiles.keys()) {
      if (tiles.size <= MAX_TILES) break;
      tiles.delete(oldest);
    }
  }

  return {
    stateAt: (address) => {
      const offset = address - grid.origin;
      return tiles.get(Math.floor(offset / TILE_COUNT))?.[offset % TILE_COUNT];
    },
    load: async (fromRow, toRow, { again }) => {
      const from = Math.max(0, Math.floor(fromRow / TILE_ROWS));
      const to = Math.min(Math.floor((grid.rows - 1) / TILE_ROWS), Math.floor(toRow / TILE_ROWS));
      const wanted = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
      const missing = wanted.filter((index) => again || !tiles.has(index));
      await Promise.all(
        missing.map((index) => {
          const running = loading.get(index);
          if (running !== undefined) return running;
          const started = loadTile(index).finally(() => loading.delete(index));
          loading.set(index, started);
          return started;
        }),
      );
    },
  };
}
