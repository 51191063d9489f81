import { keyOf, type KubeObject } from '../client/objects.ts';
import { createStore, type IndexFunction } from './store.ts';

/**
 * A change of one object. `object` is the newest known state; for a deleted object it is the last one. `before` is the
 * state that was cached until now. `resync` repeats an object that did not change.
 */
export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted' | 'resync';
  readonly object: T;
  readonly before?: T | undefined;
  /**
   * The watch reported that the server deleted the object. Without it, a deleted object is only not in the cache any more: it
   * no longer passes, or a list did not have it.
   */
  readonly isGone?: true;
}

/** The local copy of all objects of one kind. It reports every difference that a list or a watch brings. */
export interface ObjectCache<T extends KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  list(): T[];
  by(index: string, value: string): T[];
  /** Returns the cached copy if it has the same version, so a second list does not take the memory twice. */
  sameVersion(object: T): T | undefined;
  /** Stores the newest state of one object. */
  put(object: T): void;
  /** Removes an object that was deleted; `object` is its last state. */
  remove(object: T): void;
  /** Replaces the whole content by a list. With `resync`, unchanged objects are reported too. */
  replace(objects: readonly T[], resync: boolean): void;
}

export function createObjectCache<T extends KubeObject>(options: {
  readonly indexes: Readonly<Record<string, IndexFunction<T>>>;
  readonly keep: (object: T) => boolean;
  /** Returns whether two copies of one version of an object are the same: a parser may leave out other parts than before. */
  readonly isSameCopy?: ((cached: T, object: T) => boolean) | undefined;
  readonly report: (change: Change<T>) => void;
}): ObjectCache<T> {
  const { indexes, keep, isSameCopy = () => true, report } = options;
  const store = createStore<T>(indexes);

  function sameVersion(object: T): T | undefined {
    const cached = store.get(keyOf(object));
    if (cached?.metadata.resourceVersion !== object.metadata.resourceVersion) return undefined;
    return isSameCopy(cached, object) ? cached : undefined;
  }

  function drop(object: T, before: T, gone: Pick<Change<T>, 'isGone'> = {}): void {
    store.delete(keyOf(before));
    report({ type: 'deleted', object, before, ...gone });
  }

  function put(object: T): void {
    const before = store.get(keyOf(object));
    if (!keep(object)) {
      if (before !== undefined) drop(object, before);
      return;
    }
    if (sameVersion(object) !== undefined) return;
    // The object was deleted and recreated while the watch was interrupted: report both.
    const recreated = before !== undefined && before.metadata.uid !== object.metadata.uid;
    if (recreated) drop(before, before);
    store.set(object);
    report(before === undefined || recreated ? { type: 'added', object } : { type: 'updated', object, before });
  }

  return {
    get size() {
      return store.size;
    },
    get: (key) => store.get(key),
    list: () => store.list(),
    by: (index, value) => store.by(index, value),
    sameVersion,
    put,

    remove: (object) => {
      const before = store.get(keyOf(object));
      if (before !== undefined) drop(object, before, { isGone: true });
    },

    replace: (objects, resync) => {
      const listed = new Set(objects.map(keyOf));
      for (const key of [...store.keys()]) {
        const before = store.get(key);
        if (before !== undefined && !listed.has(key)) drop(before, before);
      }
      const unchanged = objects.filter((object) => sameVersion(object) !== undefined);
      objects.forEach(put);
      if (resync) for (const object of unchanged) report({ type: 'resync', object });
    },
  };
}
