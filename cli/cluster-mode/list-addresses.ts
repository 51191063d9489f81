import { macAllocations } from '../../kube/client/mac-resources.ts';
import { ADDRESS_STATES } from '../../ledger/address/owner.ts';
import type { Address, ListQuery, Page } from '../backend.ts';
import { UserError } from '../errors.ts';
import { matches } from '../matches.ts';
import { readOwner } from '../read-owner.ts';
import { ADDRESSES, type LedgerReader } from './ledger-reader.ts';
import type { Scope } from './scope.ts';
import { addressOfAllocation, addressOfLedger } from './shown-address.ts';

/** The most that one page of the read API holds. */
const LARGEST_PAGE = 5_000;

/** From the ledger: devices, other clusters and what was released too. A namespace that was named restricts it. */
export async function listFromLedger(query: ListQuery, reader: LedgerReader, scope: Scope): Promise<Page<Address>> {
  const { pool, device, since, states, sortBy, limit } = query;
  const owner = readOwner(query.owner);
  const namespace = query.namespace ?? owner.namespace ?? (scope.named ? scope.namespace : undefined);
  const items: Address[] = [];
  let after = query.after;
  // A request for more than a page holds is answered by several.
  do {
    const page = await reader.list(ADDRESSES, {
      fields: {
        pool,
        'device.id': device,
        'owner.namespace': namespace,
        'owner.kind': owner.kind,
        'owner.name': owner.name,
        allocatedSince: since?.toISOString(),
      },
      terms: states === undefined ? [] : notIn(states),
      order: sortBy === 'mac' ? 'address' : sortBy,
      limit: Math.min(limit - items.length, LARGEST_PAGE),
      after,
    });
    items.push(...page.items.map(addressOfLedger));
    after = page.next;
  } while (after !== undefined && items.length < limit);
  return { items, next: after };
}

/** A selector can only take away. */
function notIn(states: readonly string[]): string[] {
  return ADDRESS_STATES.filter((state) => !states.includes(state)).map((state) => `state!=${state}`);
}

/** What the MacAllocations show that the user may see. */
export async function listFromObjects(query: ListQuery, scope: Scope): Promise<Page<Address>> {
  const { client, namespace, allNamespaces } = scope;
  const { items } = await client.list(macAllocations, allNamespaces ? {} : { namespace: query.namespace ?? namespace });
  const found = items.flatMap((each) => addressOfAllocation(each) ?? []).filter((address) => matches(address, query));
  const from = skipped(query.after);
  const to = from + query.limit;
  const next = to < found.length ? String(to) : undefined;
  return { items: found.sort(ORDERS[query.sortBy] ?? byMac).slice(from, to), next };
}

/** A page without the ledger begins behind so many. */
function skipped(after: string | undefined): number {
  const count = Number(after ?? 0);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new UserError(`${JSON.stringify(after)} is no end of a page.`, 'Begin again without --after.');
}

type Compare = (a: Address, b: Address) => number;
const byMac: Compare = (a, b) => (a.mac < b.mac ? -1 : 1);
const byText =
  (text: (address: Address) => string): Compare =>
  (a, b) =>
    text(a).localeCompare(text(b)) || byMac(a, b);

const ORDERS: Readonly<Record<string, Compare>> = {
  mac: byMac,
  newest: (a, b) => (b.allocatedAt?.getTime() ?? 0) - (a.allocatedAt?.getTime() ?? 0) || byMac(b, a),
  pool: byText(({ pool }) => pool),
  device: byText(({ device }) => device?.id ?? '\uffff'),
};
