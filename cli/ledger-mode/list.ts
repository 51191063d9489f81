import { listAddresses } from '../../ledger/find.ts';
import { pageMark } from '../../ledger/page-mark.ts';
import type { Queryable } from '../../ledger/statement.ts';
import type { Address, ListQuery, Page } from '../backend.ts';
import { UserError } from '../errors.ts';
import { toAddress } from './address.ts';

interface Owner {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
}

/** A page of addresses; one row more is asked for than is shown, to know whether there is another page. */
export async function listPage(ledger: Queryable, query: ListQuery): Promise<Page<Address>> {
  const { pool, states, device: deviceId, owner, since: allocatedSince, sortBy, limit, after } = query;
  const order = sortBy === 'mac' ? 'address' : sortBy;
  const found: Partial<Owner> = owner === undefined ? {} : readOwner(owner);
  const namespace = query.namespace ?? found.namespace;
  const rows = await listAddresses(ledger, {
    ...{ pool, states, deviceId, allocatedSince, ...found, namespace, order, after },
    limit: Math.min(limit + 1, 10_000),
  });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? pageMark(order, last) : undefined;
  return { items: shown.map(toAddress), next };
}

/** `kind/namespace/name`, `namespace/name` or `name`. */
export function readOwner(text: string): Owner {
  const parts = text.split('/');
  const [name = '', namespace, kind] = parts.toReversed();
  if (parts.length > 3 || parts.includes('')) {
    throw new UserError(
      `${JSON.stringify(text)} names no object.`,
      'Write it as name, namespace/name or kind/namespace/name.',
    );
  }
  return { ...(kind === undefined ? {} : { kind }), ...(namespace === undefined ? {} : { namespace }), name };
}
