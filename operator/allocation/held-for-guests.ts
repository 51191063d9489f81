/** Remembers the holder keys of ended objects whose addresses a guest still uses elsewhere. Each leader run has one. */
export interface HeldForGuests {
  /** Takes a key whose owner has ended for good. */
  add(key: string): void;
  /** Calls `isOver` for each key, one after the other, and forgets those for which it resolves to `true`. */
  recheck(isOver: (key: string) => Promise<boolean>): Promise<void>;
}

/**
 * Creates the memory for at most `capacity` keys. Of what does not fit, or is forgotten with the process, a resync releases the
 * address after its pool's period.
 */
export function createHeldForGuests(capacity: number): HeldForGuests {
  const keys = new Set<string>();
  return {
    add: (key) => {
      if (keys.size < capacity) keys.add(key);
    },
    recheck: async (isOver) => {
      for (const key of [...keys]) if (await isOver(key)) keys.delete(key);
    },
  };
}
