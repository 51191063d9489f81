import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';

/** The resource or document at a path. */
export type Route =
  | { readonly route: 'groups' | 'group' | 'version' | 'openapi-index' | 'openapi' }
  | { readonly route: 'list'; readonly plural: string }
  | { readonly route: 'get'; readonly plural: string; readonly name: string };

const BASE = `/apis/${LEDGER_GROUP}/${LEDGER_VERSION}`;

const DOCUMENTS: Readonly<Record<string, Route>> = {
  '/apis': { route: 'groups' },
  [`/apis/${LEDGER_GROUP}`]: { route: 'group' },
  [BASE]: { route: 'version' },
  '/openapi/v3': { route: 'openapi-index' },
  [`/openapi/v3${BASE}`]: { route: 'openapi' },
};

/** Parses a path. Returns `undefined` for an unknown one. */
export function parseRoute(pathname: string): Route | undefined {
  const path = pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname;
  const document = DOCUMENTS[path];
  if (document !== undefined) return document;
  if (!path.startsWith(`${BASE}/`)) return undefined;
  const [plural = '', name, ...rest] = path.slice(BASE.length + 1).split('/');
  if (rest.length > 0) return undefined;
  if (name === undefined) return { route: 'list', plural };
  const decoded = decode(name);
  return decoded === undefined ? undefined : { route: 'get', plural, name: decoded };
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
