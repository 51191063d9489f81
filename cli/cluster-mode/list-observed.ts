import { decodeObservation } from '../../ledger/view/observation-view.ts';
import type { Address, ListQuery, Page } from '../backend.ts';
import { UserError } from '../errors.ts';
import { observedAddress } from '../observed-address.ts';
import { parseOwner } from '../parse-owner.ts';
import { type LedgerReader, OBSERVATIONS } from './ledger-reader.ts';
import { namespaceOf } from './list-addresses.ts';
import type { Scope } from './scope.ts';

/** The largest page that the read API returns. */
const MAX_PAGE_SIZE = 5_000;

/** Lists the addresses that objects use without owning them, of the namespace or of the whole ledger. Only the ledger knows them. */
export async function listObserved(query: ListQuery, reader: LedgerReader, scope: Scope): Promise<Page<Address>> {
  const { pools = [], since, limit } = query;
  if (pools.length > 1) {
    throw new UserError('Observed addresses can be listed of one pool only.', 'Name one pool, or none.');
  }
  const owner = parseOwner(query.owner);
  const items: Address[] = [];
  let after = query.after;
  do {
    const page = await reader.list(OBSERVATIONS, {
      fields: {
        pool: pools[0],
        'object.namespace': namespaceOf(query, scope),
        'object.kind': owner.kind,
        'object.name': owner.name,
        since: since?.toISOString(),
      },
      limit: Math.min(limit - items.length, MAX_PAGE_SIZE),
      after,
    });
    items.push(...page.items.map((each) => observedAddress(decodeObservation(each))));
    after = page.next;
  } while (after !== undefined && items.length < limit);
  return { items, next: after };
}
