import { z } from 'zod';
import type { KubeClient } from './client.ts';
import { KubeDecodeError } from './errors.ts';
import type { CallOptions } from './requester.ts';

/*
 * Reviews look like a create but store nothing: the response has no uid, and the request is idempotent.
 */

/** The owner of a bearer token according to the API server. */
export interface TokenOwner {
  readonly username: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

const tokenReview = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    audiences: z.array(z.string()).default([]),
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
 * Looks up the owner of a token (TokenReview).
 *
 * @param audiences if given, the token must be issued for one of them
 * @returns undefined if the token is not valid
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
  const { status } = await postReview(
    client,
    '/apis/authentication.k8s.io/v1/tokenreviews',
    body,
    tokenReview,
    options,
  );
  if (!status.authenticated || status.user === undefined) return undefined;
  // A reviewer that knows no audiences accepts tokens for the API server. It says so by naming none of those asked for
  // (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/).
  if (audiences !== undefined && !status.audiences.some((each) => audiences.includes(each))) return undefined;
  const { username, uid, groups, extra } = status.user;
  return { username, uid, groups, extra };
}

/** An access to a resource, or to a path such as `/metrics`. */
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

/** Checks whether a user has an access (SubjectAccessReview). */
export async function reviewAccess(
  client: Pick<KubeClient, 'raw'>,
  user: Pick<TokenOwner, 'username'> & Partial<Omit<TokenOwner, 'username'>>,
  access: Access,
  options: CallOptions = {},
): Promise<{ readonly allowed: boolean; readonly reason: string | undefined }> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: user.username,
      uid: user.uid,
      groups: user.groups,
      extra: user.extra,
      ...('path' in access ? { nonResourceAttributes: access } : { resourceAttributes: access }),
    },
  };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const { status } = await postReview(client, path, body, accessReview, options);
  return { allowed: status.allowed && !status.denied, reason: status.reason };
}

const selfReview = z.object({
  status: z.object({
    userInfo: z.object({ username: z.string().default(''), groups: z.array(z.string()).default([]) }).default({
      username: '',
      groups: [],
    }),
  }),
});

/** Returns the user of the client, as the API server authenticates it (SelfSubjectReview, Kubernetes 1.28). */
export async function reviewSelf(
  client: Pick<KubeClient, 'raw'>,
  options: CallOptions = {},
): Promise<{ readonly username: string; readonly groups: readonly string[] }> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  return (await postReview(client, path, body, selfReview, options)).status.userInfo;
}

/** Checks whether the user of the client has an access (SelfSubjectAccessReview). Every user may ask that. */
export async function reviewOwnAccess(
  client: Pick<KubeClient, 'raw'>,
  access: Access,
  options: CallOptions = {},
): Promise<boolean> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { ...('path' in access ? { nonResourceAttributes: access } : { resourceAttributes: access }) },
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const { status } = await postReview(client, path, body, accessReview, options);
  return status.allowed && !status.denied;
}

async function postReview<T>(
  client: Pick<KubeClient, 'raw'>,
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
  options: CallOptions,
): Promise<T> {
  const parsed = schema.safeParse(await client.raw('POST', path, body, { ...options, repeatable: true }));
  if (!parsed.success) throw new KubeDecodeError(`The response of ${path} does not match its schema.`);
  return parsed.data;
}
