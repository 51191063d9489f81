/**
 * The state of one address as one byte, for maps of whole pools. A number never changes its meaning: programs of other
 * versions draw the same map.
 */
export const MAP_STATES = {
  /** No owner ever had it. */
  neverUsed: 0,
  /** It was used, and can be allocated again. */
  freeAgain: 1,
  /** It was released, and its reuse delay has not passed. */
  waiting: 2,
  pending: 3,
  active: 4,
  reserved: 5,
  stocked: 6,
  orphaned: 7,
  /** A live object uses it without owning it, so it is not handed out. */
  observed: 8,
  /** It belongs to the name of an object that does not exist now. */
  stickyUnused: 9,
} as const;

/** This is added to the byte of an address in which the text of a search is found. */
export const FOUND = 0x80;

export type MapState = keyof typeof MAP_STATES;

/** The most addresses of one map: 64 KiB. */
export const MAX_MAP_COUNT = 65_536;
