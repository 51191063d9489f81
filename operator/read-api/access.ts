import { LEDGER_GROUP } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { reviewAccess, type TokenOwner } from '../../kube/client/reviews.ts';
import { createLru } from '../../kube/lru.ts';
import { Problem } from './problem.ts';

/** What somebody wants to read. */
export interface Reading {
  readonly verb: 'get' | 'list';
  readonly plural: string;
  readonly name?: string | undefined;
}

/** Resolves when the caller's own rights allow the reading; throws a Problem (403) when they do not. */
export type AccessCheck = (caller: TokenOwner, reading: Reading) => Promise<void>;

/** How long an answer counts: a right that was taken away is gone after so long. */
const REMEMBERED_MS = 10_000;

/** A page through a large list asks the same again and again; more than so many different questions do not. */
const MOST_REMEMBERED = 1_000;

const REVIEW_TIMEOUT_MS = 3_000;

/** Asks the API server (SubjectAccessReview), and remembers its answers for some seconds. */
export function createAccessCheck(client: Pick<KubeClient, 'raw'>, now: () => number): AccessCheck {
  const remembered = createLru<string, { readonly allowed: boolean; readonly until: number }>(MOST_REMEMBERED);

  async function ask(caller: TokenOwner, { verb, plural: resource, name }: Reading): Promise<boolean> {
    const access = { verb, group: LEDGER_GROUP, resource, name };
    return (await reviewAccess(client, caller, access, { timeoutMs: REVIEW_TIMEOUT_MS, attempts: 2 })).allowed;
  }

  async function isAllowed(caller: TokenOwner, reading: Reading): Promise<boolean> {
    const question = JSON.stringify([caller.username, caller.uid, caller.groups, caller.extra, reading]);
    const known = remembered.get(question);
    if (known !== undefined && known.until > now()) return known.allowed;
    const allowed = await ask(caller, reading);
    remembered.set(question, { allowed, until: now() + REMEMBERED_MS });
    return allowed;
  }

  return async (caller, reading) => {
    if (await isAllowed(caller, reading)) return;
    const { verb, plural, name } = reading;
    const what = `${plural}.${LEDGER_GROUP}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`;
    throw new Problem(
      403,
      'Forbidden',
      `${what} is forbidden: User ${JSON.stringify(caller.username)} cannot ${verb} resource "${plural}" in API group "${LEDGER_GROUP}" at the cluster scope`,
      { group: LEDGER_GROUP, kind: plural, ...(name !== undefined && { name }) },
    );
  };
}
