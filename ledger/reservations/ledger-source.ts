import { WELL_KNOWN_KEYS } from '../../api/well-known-metadata.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { type AddressFilter, listAddresses } from '../address/find.ts';
import { pageMark } from '../address/page-mark.ts';
import { listAudit } from '../audit.ts';
import type { Queryable } from '../connection/statement.ts';
import type { HeldAddress } from './reservation.ts';
import type { ReservationSource } from './reservation-watch.ts';

/** The largest page of a list. */
const PAGE = 10_000;

/** Returns where the reservations of a ledger are read. */
export function ledgerReservations(
  db: Queryable,
  filter: Omit<AddressFilter, 'order' | 'after' | 'limit'>,
): ReservationSource {
  return {
    list: () => listEachKey((term) => listAll(db, { ...filter, metadata: [...(filter.metadata ?? []), term] })),
    lastChange: async () => (await listAudit(db, { limit: 1 }))[0]?.id ?? 0,
    // Does not wait for gaps as followAudit does: a reservation is due within seconds, and the regular list finds what comes late.
    changesAfter: (after, limit) => listAudit(db, { between: { after, upTo: Number.MAX_SAFE_INTEGER }, limit }),
  };
}

/**
 * Returns the addresses with any well-known key, each once. An index finds those with one key. Most addresses of a ledger are those
 * of pods, which have no metadata.
 */
export async function listEachKey<T extends { readonly mac: MacAddress }>(
  list: (term: { readonly key: string }) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found = new Map<MacAddress, T>();
  for (const key of WELL_KNOWN_KEYS) for (const address of await list({ key })) found.set(address.mac, address);
  return [...found.values()];
}

async function listAll(db: Queryable, filter: AddressFilter): Promise<readonly HeldAddress[]> {
  const found: HeldAddress[] = [];
  let after: string | undefined;
  do {
    const page = await listAddresses(db, { ...filter, order: 'address', after, limit: PAGE });
    found.push(...page);
    const last = page.at(-1);
    after = page.length < PAGE || last === undefined ? undefined : pageMark('address', last);
  } while (after !== undefined);
  return found;
}
