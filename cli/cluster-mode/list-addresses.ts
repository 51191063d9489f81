import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { Selection } from '../../kube/client/query.ts';
import { formatMetadataTerm } from '../../ledger/address/metadata-term.ts';
import { ADDRESS_STATES } from '../../ledger/address/owner.ts';
import { decodeAddress } from '../../ledger/view/address-view.ts';
import type { Address, ListQuery, Page, SortKey } from '../backend.ts';
import { UserError } from '../errors.ts';
import { matchesQuery } from '../matches-query.ts';
import { parseOwner } from '../parse-owner.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { ADDRESSES, fieldTerm, type LedgerReader, POOLS } from './ledger-reader.ts';
import type { Scope } from './scope.ts';

/** The largest page that the read API returns. */
const MAX_PAGE_SIZE = 5_000;

/** Lists the addresses that objects of the namespace hold, or those of the whole ledger for all namespaces. */
export async function listFromLedger(query: ListQuery, reader: LedgerReader, scope: Scope): Promise<Page<Address>> {
  const { pools, device, deviceType, metadata = [], since, before, states, sortBy, limit } = query;
  const owner = parseOwner(query.owner);
  const otherPools = await namesOfOtherPools(pools, reader);
  const items: Address[] = [];
  let after = query.after;
  // A limit above the page size needs several requests.
  do {
    const page = await reader.list(ADDRESSES, {
      fields: {
        pool: pools?.length === 1 ? pools[0] : undefined,
        'device.id': device,
        'device.type': deviceType,
        'owner.namespace': namespaceOf(query, scope),
        'owner.kind': owner.kind,
        'owner.name': owner.name,
        allocatedSince: since?.toISOString(),
        allocatedBefore: before?.toISOString(),
      },
      terms: [
        ...excludeOtherStates(states),
        ...otherPools.map((name) => `pool!=${name}`),
        ...metadata.map((term) => fieldTerm('attribute', formatMetadataTerm(term))),
      ],
      order: sortBy === 'mac' ? 'address' : sortBy,
      limit: Math.min(limit - items.length, MAX_PAGE_SIZE),
      after,
    });
    items.push(...page.items.map(decodeAddress));
    after = page.next;
  } while (after !== undefined && items.length < limit);
  return { items, next: after };
}

/** Returns the pools to exclude if several are wanted. */
async function namesOfOtherPools(pools: readonly string[] | undefined, reader: LedgerReader): Promise<string[]> {
  if (pools === undefined || pools.length < 2) return [];
  const { items } = await reader.list(POOLS, { fields: {} });
  return items.map(({ metadata }) => metadata.name).filter((name) => !pools.includes(name));
}

/** Field selectors have no "or", so the terms exclude every other state. */
function excludeOtherStates(states: readonly string[] | undefined): string[] {
  if (states === undefined) return [];
  return ADDRESS_STATES.filter((state) => !states.includes(state)).map((state) => `state!=${state}`);
}

/** Lists the addresses of the MacAllocations that the user may see. */
export async function listFromObjects(query: ListQuery, scope: Scope): Promise<Page<Address>> {
  const { items } = await scope.client.list(macAllocations, selectionOf(query, scope));
  const addresses = items
    .flatMap((each) => addressOfAllocation(each) ?? [])
    .filter((address) => matchesQuery(address, query))
    .sort(ORDERS[query.sortBy]);
  const from = parseOffset(query.after);
  const to = from + query.limit;
  return { items: addresses.slice(from, to), next: to < addresses.length ? String(to) : undefined };
}

/** Returns the MacAllocations that a query is about. */
export function selectionOf(query: ListQuery, scope: Scope): Selection {
  return { namespace: namespaceOf(query, scope), labelSelector: query.labels };
}

/** Returns the namespace that a query is about: one that it names, else that of the command. */
export function namespaceOf({ namespace, owner }: ListQuery, scope: Scope): string | undefined {
  return namespace ?? parseOwner(owner).namespace ?? (scope.allNamespaces ? undefined : scope.namespace);
}

/** Without the ledger, the token of a page is the number of addresses before it. */
function parseOffset(after: string | undefined): number {
  const count = Number(after ?? 0);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new UserError(`${JSON.stringify(after)} is no page token.`, 'Start again without --after.');
}

type Compare = (a: Address, b: Address) => number;
const byMac: Compare = (a, b) => (a.mac < b.mac ? -1 : 1);
const byText =
  (text: (address: Address) => string): Compare =>
  (a, b) =>
    text(a).localeCompare(text(b)) || byMac(a, b);

const ORDERS: Readonly<Record<SortKey, Compare>> = {
  mac: byMac,
  newest: (a, b) => (b.allocatedAt?.getTime() ?? 0) - (a.allocatedAt?.getTime() ?? 0) || byMac(b, a),
  pool: byText(({ pool }) => pool),
  // Addresses without a device come last.
  device: byText(({ device }) => device?.id ?? '\uffff'),
};
