/** A map that holds a limited number of entries and evicts the least recently used one. */
export interface Lru<K, V> {
  /** Returns the value and marks it as the most recently used. */
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  /** Returns all values, from the least to the most recently used one. */
  values(): Iterable<V>;
}

/** Creates an LRU cache for at most `capacity` entries. */
export function createLru<K, V>(capacity: number): Lru<K, V> {
  // A Map iterates in insertion order, so the first key is the least recently used one.
  const entries = new Map<K, V>();

  function moveToEnd(key: K, value: V): void {
    entries.delete(key);
    entries.set(key, value);
  }

  return {
    get: (key) => {
      const value = entries.get(key);
      if (value !== undefined) moveToEnd(key, value);
      return value;
    },
    set: (key, value) => {
      moveToEnd(key, value);
      const [oldest] = entries.keys();
      if (entries.size > capacity && oldest !== undefined) entries.delete(oldest);
    },
    values: () => entries.values(),
  };
}
