import { type Metadata, WELL_KNOWN_KEYS } from '../../api/well-known-metadata.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { HeldAddress } from './reservation.ts';

/** An audit entry, as every source shows it. */
export interface AddressChange {
  readonly id: number;
  readonly mac?: MacAddress | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Where reservations are read: a ledger, or the read API of a cluster. */
export interface ReservationSource {
  /** Returns the held addresses that may have reservations. */
  list(): Promise<readonly HeldAddress[]>;
  /** Returns the id of the newest audit entry, 0 if there is none; `undefined` if the audit cannot be read here. */
  lastChange(): Promise<number | undefined>;
  /** Returns the entries after this one, oldest first, at most `limit` of them. */
  changesAfter(id: number, limit: number): Promise<readonly AddressChange[]>;
}

export interface ReservationWatch {
  /** Returns the addresses if they may have changed since the last call, and at the first call. An error changes nothing. */
  next(): Promise<readonly HeldAddress[] | undefined>;
}

/** More changes are read by the next request. */
const CHANGES_PER_REQUEST = 1_000;

/** How often the addresses are listed although no change was seen, and how often without the audit. */
const LIST_EVERY_MS = 60_000;
const LIST_WITHOUT_AUDIT_MS = 5_000;

/** Transactions that were at work at the first list may commit entries with smaller ids than the newest one. */
const REREAD_AT_START = 1_000;

/**
 * Notices changes of reservations by polling the audit, which is cheap. Then it lists all of them, because a list cannot be wrong
 * for long. Most changes in a ledger are about pods, which have no reservations.
 */
export function createReservationWatch(source: ReservationSource, now: () => number): ReservationWatch {
  let listed: { readonly macs: ReadonlySet<MacAddress>; readonly atMs: number } | undefined;
  let seen: number | undefined;
  /** Whether a change was seen that was not listed yet. */
  let isDue = true;

  /** Reads all new entries of the audit, and returns whether one of them matters. */
  async function readChanges(macs: ReadonlySet<MacAddress>, after: number): Promise<boolean> {
    let isRelevant = false;
    let position = after;
    for (;;) {
      const changes = await source.changesAfter(position, CHANGES_PER_REQUEST);
      for (const change of changes) isRelevant ||= isAboutReservation(change, macs);
      position = changes.at(-1)?.id ?? position;
      if (changes.length < CHANGES_PER_REQUEST) break;
    }
    isDue ||= isRelevant;
    seen = position;
    return isRelevant;
  }

  async function mayHaveChanged(): Promise<boolean> {
    if (listed === undefined) return true;
    const isOld = now() - listed.atMs >= (seen === undefined ? LIST_WITHOUT_AUDIT_MS : LIST_EVERY_MS);
    if (seen === undefined) return isDue || isOld;
    return (await readChanges(listed.macs, seen)) || isDue || isOld;
  }

  return {
    next: async () => {
      if (!(await mayHaveChanged())) return undefined;
      if (seen === undefined) {
        const last = await source.lastChange();
        seen = last === undefined ? undefined : Math.max(0, last - REREAD_AT_START);
      }
      const atMs = now();
      const addresses = await source.list();
      listed = { macs: new Set(addresses.filter(hasKnownKey).map(({ mac }) => mac)), atMs };
      isDue = false;
      return addresses;
    },
  };
}

/** Returns whether a change gives or takes a reservation. The audit has the metadata after the change. */
function isAboutReservation({ mac, details }: AddressChange, listed: ReadonlySet<MacAddress>): boolean {
  const { metadata } = details;
  const given = typeof metadata === 'object' && metadata !== null && hasKnownKey({ metadata: { ...metadata } });
  return given || (mac !== undefined && listed.has(mac));
}

function hasKnownKey({ metadata }: { readonly metadata: Metadata }): boolean {
  return WELL_KNOWN_KEYS.some((key) => Object.hasOwn(metadata, key));
}
