import { decodeContinueToken } from './continue-token.ts';
import { type FieldTerm, parseFieldSelector } from './field-selector.ts';
import { MAX_WAIT_SECONDS } from './long-poll.ts';
import { badRequest } from './status-error.ts';

/** The parsed query of a list request. */
export interface ListParameters {
  readonly terms: readonly FieldTerm[];
  /** Maximum number of objects on the page. */
  readonly limit: number;
  /** Where the previous page ended. */
  readonly after: string | undefined;
  /** One of the orders of the resource. Default: its first one. */
  readonly order: string;
  /** How long to wait for the first object, if there is none. */
  readonly waitSeconds: number;
}

/** The default page size of kubectl. */
const DEFAULT_LIMIT = 500;

/** Limits the memory of one response. A larger limit returns this many objects and a continue token. */
const MAX_LIMIT = 5_000;

/** What the lists of a resource support. */
export interface ListSupport {
  /** The fields that a selector may name. */
  readonly fields: readonly string[];
  /** The orders of its lists, the default one first. */
  readonly orders: readonly string[];
  /** Whether a client may wait for objects that do not exist yet. */
  readonly canWait?: boolean;
}

/**
 * Parses the query of a list request.
 *
 * @throws StatusError (400) for malformed parameters, and for unsupported ones that would otherwise be ignored silently
 */
export function parseListParameters(
  query: URLSearchParams,
  { fields, orders, canWait = false }: ListSupport,
): ListParameters {
  if (isSet(query.get('labelSelector'))) throw badRequest('there are no labels here: use a field selector');
  const order = query.get('order') ?? orders[0] ?? '';
  if (!orders.includes(order)) throw badRequest(`order can be one of ${orders.join(', ')}`);
  const token = query.get('continue') ?? '';
  return {
    terms: parseFieldSelector(query.get('fieldSelector') ?? '', fields),
    limit: parseLimit(query.get('limit') ?? ''),
    after: token === '' ? undefined : decodeContinueToken(token),
    order,
    waitSeconds: parseWait(query.get('waitSeconds') ?? '', canWait),
  };
}

function parseWait(text: string, canWait: boolean): number {
  if (text === '') return 0;
  if (!canWait) throw badRequest('waitSeconds can be used only where a list can be followed');
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`waitSeconds must be a whole number, not ${JSON.stringify(text)}`);
  return Math.min(Number(text), MAX_WAIT_SECONDS);
}

function parseLimit(text: string): number {
  if (text === '' || text === '0') return DEFAULT_LIMIT;
  if (!/^\d{1,18}$/.test(text)) throw badRequest(`limit must be a whole number, not ${JSON.stringify(text)}`);
  return Math.min(Number(text), MAX_LIMIT);
}

function isSet(text: string | null): boolean {
  return text !== null && text !== '';
}
