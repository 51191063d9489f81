import { readContinue } from './continue-token.ts';
import { parseFieldSelector, type FieldTerm } from './field-selector.ts';
import { badRequest } from './problem.ts';

/** One page of a list, as it was asked for. */
export interface ListQuestion {
  readonly terms: readonly FieldTerm[];
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: string | undefined;
  /** One of the orders of the resource; its first one when the query names none. */
  readonly order: string;
}

/** As kubectl asks for. */
const DEFAULT_LIMIT = 500;

/** The most that one answer holds; who asks for more gets so many and a continue token. */
const MAX_LIMIT = 5_000;

/** What can be asked of a resource. */
export interface Listed {
  /** The fields that a selector may name. */
  readonly fields: readonly string[];
  /** The orders of its lists, that of every list that names none first. */
  readonly orders: readonly string[];
}

/**
 * Reads the query of a list.
 *
 * @throws Problem (400) for what is malformed, and for what this API does not know and would otherwise pass over silently
 */
export function parseListQuestion(query: URLSearchParams, resource: Listed): ListQuestion {
  if (isSet(query.get('labelSelector'))) throw badRequest('there are no labels here: use a field selector');
  const { fields, orders } = resource;
  const order = query.get('order') ?? orders[0] ?? '';
  if (!orders.includes(order)) throw badRequest(`order can be one of ${orders.join(', ')}`);
  const cursor = query.get('continue') ?? '';
  return {
    terms: parseFieldSelector(query.get('fieldSelector') ?? '', fields),
    limit: parseLimit(query.get('limit') ?? ''),
    after: cursor === '' ? undefined : readContinue(cursor),
    order,
  };
}

function parseLimit(text: string): number {
  if (text === '' || text === '0') return DEFAULT_LIMIT;
  if (!/^\d{1,18}$/.test(text)) throw badRequest(`limit must be a whole number, not ${JSON.stringify(text)}`);
  return Math.min(Number(text), MAX_LIMIT);
}

function isSet(text: string | null): boolean {
  return text !== null && text !== '';
}
