import { readContinue } from './continue-token.ts';
import { parseFieldSelector, type FieldTerm } from './field-selector.ts';
import { badRequest } from './problem.ts';

/** One page of a list, as it was asked for. */
export interface ListQuestion {
  readonly terms: readonly FieldTerm[];
  readonly limit: number;
  /** The name that the page before ended with. */
  readonly after: string | undefined;
  /** The newest first, in one page: what people look at. Otherwise in the order of names, which can be paged. */
  readonly newest: boolean;
}

/** As kubectl asks for. */
const DEFAULT_LIMIT = 500;

/** The most that one answer holds; who asks for more gets so many and a continue token. */
const MAX_LIMIT = 5_000;

/**
 * Reads the query of a list.
 *
 * @throws Problem (400) for what is malformed, and for what this API does not know and would otherwise pass over silently
 */
export function parseListQuestion(query: URLSearchParams, fields: readonly string[]): ListQuestion {
  if (isSet(query.get('labelSelector'))) throw badRequest('there are no labels here: use a field selector');
  const order = query.get('order') ?? '';
  if (order !== '' && order !== 'newest') throw badRequest('order can be newest, or absent for the order of names');
  const cursor = query.get('continue') ?? '';
  const newest = order === 'newest';
  if (newest && cursor !== '')
    throw badRequest('the newest can be listed in one page only: leave out order or continue');
  return {
    terms: parseFieldSelector(query.get('fieldSelector') ?? '', fields),
    limit: parseLimit(query.get('limit') ?? ''),
    after: cursor === '' ? undefined : readContinue(cursor),
    newest,
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
