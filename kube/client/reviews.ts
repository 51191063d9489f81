import { z } from 'zod';
import type { KubeClient } from './client.ts';
import type { CallOptions } from './requester.ts';
import { KubeDecodeError } from './errors.ts';

/*
 * Questions to the API server that look like a create but store nothing: their answers have no uid,
 * and asking twice is the same as asking once.
 */

/** Who a bearer token belongs to, as the API server sees it. */
export interface TokenOwner {
  readonly username: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

const tokenReview = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    user: z
      .object({
        username: z.string().default(''),
        uid: z.string().optional(),
        groups: z.array(z.string()).default([]),
        extra: z.record(z.string(), z.array(z.string())).default({}),
      })
      .optional(),
  }),
});

/**
 * Asks who a token belongs to (TokenReview).
 *
 * @param audiences with some, a token counts only when it is meant for one of them
 * @returns undefined when the token is not valid
 */
export async function reviewToken(
  client: Pick<KubeClient, 'raw'>,
  token: string,
  { audiences, ...options }: CallOptions & { readonly audiences?: readonly string[] | undefined } = {},
): Promise<TokenOwner | undefined> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, ...(audiences !== undefined && { audiences }) },
  };
  const { status } = await ask(client, '/apis/authentication.k8s.io/v1/tokenreviews', body, tokenReview, options);
  if (!status.authenticated || status.user === undefined) return undefined;
  const { username, uid, groups, extra } = status.user;
  return { username, uid, groups, extra };
}

/** What somebody wants to do: to a resource, or to a path such as `/metrics`. */
export type Access =
  | {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string | undefined;
      readonly namespace?: string | undefined;
      readonly name?: string | undefined;
    }
  | { readonly verb: string; readonly path: string };

const accessReview = z.object({
  status: z.object({ allowed: z.boolean(), denied: z.boolean().default(false), reason: z.string().optional() }),
});

/** Asks whether somebody may do something (SubjectAccessReview). */
export async function reviewAccess(
  client: Pick<KubeClient, 'raw'>,
  who: Pick<TokenOwner, 'username'> & Partial<Omit<TokenOwner, 'username'>>,
  access: Access,
  options: CallOptions = {},
): Promise<{ readonly allowed: boolean; readonly reason: string | undefined }> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: who.username,
      uid: who.uid,
      groups: who.groups,
      extra: who.extra,
      ...('path' in access ? { nonResourceAttributes: access } : { resourceAttributes: access }),
    },
  };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const { status } = await ask(client, path, body, accessReview, options);
  return { allowed: status.allowed && !status.denied, reason: status.reason };
}

async function ask<T>(
  client: Pick<KubeClient, 'raw'>,
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
  options: CallOptions,
): Promise<T> {
  const parsed = schema.safeParse(await client.raw('POST', path, body, { ...options, repeatable: true }));
  if (!parsed.success) throw new KubeDecodeError(`the answer of ${path} is not what we know of it`);
  return parsed.data;
}
