/** A page with its parameters. It is in the hash of the address, so that it can be copied and needs no server. */
export type Route =
  | { readonly page: 'pools' }
  | { readonly page: 'map'; readonly pool?: string | undefined; readonly at?: string | undefined }
  | { readonly page: 'search'; readonly text: string }
  | { readonly page: 'address'; readonly mac: string }
  | { readonly page: 'audit'; readonly filter: Readonly<Record<string, string>> }
  | { readonly page: 'clusters' };

export type Page = Route['page'];

/** Returns the route of a hash such as `#/address/a4:58:0f:00:00:01`. Anything unknown is the first page. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [page, ...rest] = path.split('/').map(decode);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const [first] = rest;
  switch (page) {
    case 'map':
      return { page, pool: first === '' ? undefined : first, at: parameters['at'] };
    case 'search':
      return { page, text: parameters['q'] ?? '' };
    case 'address':
      return first === undefined ? { page: 'pools' } : { page, mac: first };
    case 'audit':
      return { page, filter: parameters };
    case 'clusters':
      return { page };
    default:
      return { page: 'pools' };
  }
}

/** Returns the hash of a route: the inverse of `parseRoute`. */
export function hashOf(route: Route): string {
  switch (route.page) {
    case 'map':
      return `#/map${route.pool === undefined ? '' : `/${encodeURIComponent(route.pool)}`}${queryOf({ at: route.at })}`;
    case 'search':
      return `#/search${queryOf({ q: route.text })}`;
    case 'address':
      return `#/address/${route.mac}`;
    case 'audit':
      return `#/audit${queryOf(route.filter)}`;
    default:
      return `#/${route.page}`;
  }
}

function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, value]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

/** A part of a typed address may have a percent sign that encodes nothing. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
