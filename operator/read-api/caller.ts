import type { TokenOwner } from '../../kube/client/reviews.ts';
import type { FrontProxy } from './front-proxy.ts';
import { Problem } from './problem.ts';

/** What TLS knows of the other end. */
export interface Peer {
  /** Whether its certificate was signed by an authority that may vouch for a front proxy. */
  readonly trusted: boolean;
  readonly commonName: string | undefined;
}

/** Every line of every header, by names in lower case: Node's own joining by commas would make two groups one. */
export type HeaderLines = Readonly<Record<string, readonly string[] | undefined>>;

/**
 * Who asks, as the API server authenticated them and wrote into headers
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/). The headers of anybody else are
 * worth nothing: without the front proxy's certificate there is no answer.
 *
 * @throws Problem (401)
 */
export function callerOf(headers: HeaderLines, peer: Peer, proxy: FrontProxy): TokenOwner {
  if (!isFrontProxy(peer, proxy)) {
    throw new Problem(401, 'Unauthorized', 'only the API server may ask here: ask it for this path instead');
  }
  const username = first(proxy.usernameHeaders.map((name) => valuesOf(headers, name)[0]));
  if (username === undefined) throw new Problem(401, 'Unauthorized', 'the front proxy did not say who asks');
  return {
    username,
    uid: first(proxy.uidHeaders.map((name) => valuesOf(headers, name)[0])),
    groups: proxy.groupHeaders.flatMap((name) => valuesOf(headers, name)),
    extra: extraOf(headers, proxy.extraHeaderPrefixes),
  };
}

function isFrontProxy({ trusted, commonName }: Peer, { allowedNames }: FrontProxy): boolean {
  if (!trusted) return false;
  // An empty list allows every certificate of that authority: what the flag of the API server means by it.
  return allowedNames.length === 0 || (commonName !== undefined && allowedNames.includes(commonName));
}

function extraOf(headers: HeaderLines, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  for (const name of Object.keys(headers)) {
    const prefix = prefixes.find((each) => name.startsWith(each.toLowerCase()));
    if (prefix === undefined) continue;
    extra[decode(name.slice(prefix.length))] = valuesOf(headers, name);
  }
  return extra;
}

/** Keys may hold characters that a header's name may not; the API server writes those as percent escapes. */
function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function valuesOf(headers: HeaderLines, name: string): readonly string[] {
  return headers[name.toLowerCase()] ?? [];
}

function first(values: readonly (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '');
}
