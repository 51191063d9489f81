import { LEDGER_GROUP } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { reviewAccess, type TokenOwner } from '../../kube/client/reviews.ts';
import { createLru } from '../../kube/lru.ts';
import { StatusError } from './status-error.ts';

/** The read access that a request needs. */
export interface ReadAccess {
  readonly verb: 'get' | 'list';
  readonly plural: string;
  readonly name?: string | undefined;
}

/** Resolves if the caller has the permission. Throws a StatusError (403) otherwise. */
export type AccessCheck = (caller: TokenOwner, access: ReadAccess) => Promise<void>;

/** How long a result is cached. A revoked permission stays effective for this time. */
const CACHE_MS = 10_000;

/** Limits the memory of the cache. It serves mostly the pages of one list, which need the same permission. */
const MAX_CACHED = 1_000;

const REVIEW_TIMEOUT_MS = 3_000;

/** Checks permissions with the API server (SubjectAccessReview) and caches the results for some seconds. */
export function createAccessCheck(client: Pick<KubeClient, 'raw'>, now: () => number): AccessCheck {
  const cache = createLru<string, { readonly allowed: boolean; readonly until: number }>(MAX_CACHED);

  async function review(caller: TokenOwner, { verb, plural: resource, name }: ReadAccess): Promise<boolean> {
    const access = { verb, group: LEDGER_GROUP, resource, name };
    return (await reviewAccess(client, caller, access, { timeoutMs: REVIEW_TIMEOUT_MS, attempts: 2 })).allowed;
  }

  async function isAllowed(caller: TokenOwner, access: ReadAccess): Promise<boolean> {
    const key = JSON.stringify([caller.username, caller.uid, caller.groups, caller.extra, access]);
    const cached = cache.get(key);
    if (cached !== undefined && cached.until > now()) return cached.allowed;
    const allowed = await review(caller, access);
    cache.set(key, { allowed, until: now() + CACHE_MS });
    return allowed;
  }

  return async (caller, access) => {
    if (await isAllowed(caller, access)) return;
    const { verb, plural, name } = access;
    const what = `${plural}.${LEDGER_GROUP}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`;
    throw new StatusError(
      403,
      'Forbidden',
      `${what} is forbidden: User ${JSON.stringify(caller.username)} cannot ${verb} resource "${plural}" in API group "${LEDGER_GROUP}" at the cluster scope`,
      { group: LEDGER_GROUP, kind: plural, ...(name !== undefined && { name }) },
    );
  };
}
