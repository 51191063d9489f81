import { keyOf, type KubeObject } from '../client/objects.ts';

/** Returns the index values of an object; an empty array leaves it out of the index. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** Objects by key and by the declared indexes. */
export interface Store<T extends KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  list(): T[];
  /** @throws RangeError for an index that was not declared */
  by(index: string, value: string): T[];
  set(object: T): void;
  delete(key: string): void;
  keys(): IterableIterator<string>;
}

export function createStore<T extends KubeObject>(indexes: Readonly<Record<string, IndexFunction<T>>>): Store<T> {
  const objects = new Map<string, T>();
  const indexed = new Map(
    Object.entries(indexes).map(([name, valuesOf]) => [name, { valuesOf, keys: createMultimap() }]),
  );

  function unindex(key: string, object: T): void {
    for (const { valuesOf, keys } of indexed.values()) {
      for (const value of valuesOf(object)) keys.delete(value, key);
    }
  }

  function index(key: string, object: T): void {
    for (const { valuesOf, keys } of indexed.values()) {
      for (const value of valuesOf(object)) keys.add(value, key);
    }
  }

  return {
    get size() {
      return objects.size;
    },
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    by: (name, value) => {
      const found = indexed.get(name);
      if (found === undefined) throw new RangeError(`There is no index ${name}.`);
      return found.keys.get(value).flatMap((key) => objects.get(key) ?? []);
    },
    set: (object) => {
      const key = keyOf(object);
      const before = objects.get(key);
      if (before !== undefined) unindex(key, before);
      objects.set(key, object);
      index(key, object);
    },
    delete: (key) => {
      const before = objects.get(key);
      if (before === undefined) return;
      unindex(key, before);
      objects.delete(key);
    },
    keys: () => objects.keys(),
  };
}

/** Maps a string to strings. Most keys have one value, stored directly: a set for each would take more memory than it. */
function createMultimap() {
  const map = new Map<string, string | Set<string>>();
  return {
    get: (key: string): string[] => {
      const found = map.get(key);
      if (found === undefined) return [];
      return typeof found === 'string' ? [found] : [...found];
    },
    add: (key: string, value: string): void => {
      const found = map.get(key);
      if (found === undefined) map.set(key, value);
      else if (typeof found !== 'string') found.add(value);
      else if (found !== value) map.set(key, new Set([found, value]));
    },
    delete: (key: string, value: string): void => {
      const found = map.get(key);
      if (found === value) map.delete(key);
      if (found === undefined || typeof found === 'string') return;
      found.delete(value);
      if (found.size === 0) map.delete(key);
    },
  };
}
