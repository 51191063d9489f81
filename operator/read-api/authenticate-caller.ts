import type { TokenOwner } from '../../kube/client/reviews.ts';
import { isAllowedPeer, type Peer } from '../../kube/server/client-certificate.ts';
import type { FrontProxy } from './front-proxy.ts';
import { StatusError } from './status-error.ts';

/**
 * All values of each header, by lower-case name. Node's own form joins them with commas, which would make two groups
 * one.
 */
export type HeaderLines = Readonly<Record<string, readonly string[] | undefined>>;

/**
 * Returns the user that the API server authenticated and wrote into headers
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/). Anybody can send such headers, so they
 * count only with the certificate of the front proxy.
 *
 * @throws StatusError (401)
 */
export function authenticateCaller(headers: HeaderLines, peer: Peer, proxy: FrontProxy): TokenOwner {
  if (!isAllowedPeer(peer, proxy.allowedNames)) {
    throw new StatusError(401, 'Unauthorized', 'only the API server may connect: request this path from it instead');
  }
  const username = firstNonEmpty(proxy.usernameHeaders.map((name) => headerValues(headers, name)[0]));
  if (username === undefined) {
    throw new StatusError(401, 'Unauthorized', 'the front proxy did not name the user of the request');
  }
  return {
    username,
    uid: firstNonEmpty(proxy.uidHeaders.map((name) => headerValues(headers, name)[0])),
    groups: proxy.groupHeaders.flatMap((name) => headerValues(headers, name)),
    extra: extraOf(headers, proxy.extraHeaderPrefixes),
  };
}

function extraOf(headers: HeaderLines, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  for (const name of Object.keys(headers)) {
    const prefix = prefixes.find((each) => name.startsWith(each.toLowerCase()));
    if (prefix === undefined) continue;
    extra[decodeKey(name.slice(prefix.length))] = headerValues(headers, name);
  }
  return extra;
}

/** Decodes a key. The API server percent-encodes characters that header names do not allow. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function headerValues(headers: HeaderLines, name: string): readonly string[] {
  return headers[name.toLowerCase()] ?? [];
}

function firstNonEmpty(values: readonly (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '');
}
