import { createHmac, timingSafeEqual } from 'node:crypto';
import type { z } from 'zod';
import { parseJson } from './parse-json.ts';

/** The pod that a token is of. */
export interface TokenSubject {
  readonly clusterId: string;
  readonly namespace: string;
  /** Empty while the API server has not generated it. */
  readonly name: string;
  readonly generateName: string;
}

/** What a token is for. A token for one purpose is not valid for another. */
export type TokenPurpose = 'gate' | 'stock';

const VERSION = 'v1';

/**
 * Returns the token of a pod under admission. Its second part is what it says, readable; its third is the HMAC-SHA256 over that
 * and over the pod. Before a pod is stored it has no uid, and maybe no name. So the token is of its name, or of its generateName.
 */
export function signToken(purpose: TokenPurpose, subject: TokenSubject, claims: object, key: Buffer): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  const identity = subject.name === '' ? generated(subject) : named(subject);
  return [VERSION, payload, macOf({ purpose, identity, subject, payload }, key).toString('base64url')].join('.');
}

/** Returns what a token says, or `undefined` if it is not the token of this stored pod under one of the keys. */
export function readToken<T>(
  purpose: TokenPurpose,
  token: string,
  subject: TokenSubject,
  { keys, claims }: { readonly keys: readonly Buffer[]; readonly claims: z.ZodType<T> },
): T | undefined {
  const [version, payload, mac, ...rest] = token.split('.');
  if (version !== VERSION || payload === undefined || mac === undefined || rest.length > 0) return undefined;
  const given = Buffer.from(mac, 'base64url');
  const identities = [named(subject), ...(subject.generateName === '' ? [] : [generated(subject)])];
  const isSigned = keys.some((key) =>
    identities.some((identity) => isEqual(given, macOf({ purpose, identity, subject, payload }, key))),
  );
  if (!isSigned) return undefined;
  return claims.safeParse(parseJson(Buffer.from(payload, 'base64url').toString())).data;
}

type Identity = readonly ['name' | 'generateName', string];

function named({ name }: TokenSubject): Identity {
  return ['name', name];
}

function generated({ generateName }: TokenSubject): Identity {
  return ['generateName', generateName];
}

interface Signed {
  readonly purpose: TokenPurpose;
  readonly identity: Identity;
  readonly subject: TokenSubject;
  readonly payload: string;
}

function macOf({ purpose, identity, subject: { clusterId, namespace }, payload }: Signed, key: Buffer): Buffer {
  // JSON keeps the fields apart, whatever characters are in them.
  const signed = JSON.stringify([VERSION, purpose, clusterId, namespace, 'Pod', ...identity, payload]);
  return createHmac('sha256', key).update(signed).digest();
}

function isEqual(given: Buffer, wanted: Buffer): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
