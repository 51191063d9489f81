import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';

/** The pod that a token is of. */
export interface TokenSubject {
  readonly clusterId: string;
  readonly namespace: string;
  /** Empty while the API server has not generated it. */
  readonly name: string;
  readonly generateName: string;
}

/** What an admission knew, and what is needed when the ledger is back. */
const claimsSchema = z.object({
  /** The user name of who created the pod, as the API server authenticated them. */
  requester: z.string(),
  /** When, as an ISO date. */
  at: z.string(),
});
export type GateClaims = z.infer<typeof claimsSchema>;

const VERSION = 'v1';

/**
 * Returns the token of a pod that the webhook gates. Its first part is readable, its second the HMAC-SHA256 over it and over
 * the pod. Before a pod is stored it has no uid, and maybe no name. So the token is of its name, or of its generateName.
 */
export function signToken(subject: TokenSubject, claims: GateClaims, key: Buffer): string {
  const { requester, at } = claims;
  const payload = Buffer.from(JSON.stringify({ requester, at })).toString('base64url');
  const identity = subject.name === '' ? generated(subject) : named(subject);
  return [VERSION, payload, macOf(identity, subject, payload, key).toString('base64url')].join('.');
}

/** Returns what a token says, or `undefined` if it is not the token of this stored pod under one of the keys. */
export function readToken(token: string, subject: TokenSubject, keys: readonly Buffer[]): GateClaims | undefined {
  const [version, payload, mac, ...rest] = token.split('.');
  if (version !== VERSION || payload === undefined || mac === undefined || rest.length > 0) return undefined;
  const given = Buffer.from(mac, 'base64url');
  const identities = [named(subject), ...(subject.generateName === '' ? [] : [generated(subject)])];
  const isSigned = keys.some((key) =>
    identities.some((identity) => isEqual(given, macOf(identity, subject, payload, key))),
  );
  if (!isSigned) return undefined;
  return claimsSchema.safeParse(parseJson(Buffer.from(payload, 'base64url').toString())).data;
}

type Identity = readonly ['name' | 'generateName', string];

function named({ name }: TokenSubject): Identity {
  return ['name', name];
}

function generated({ generateName }: TokenSubject): Identity {
  return ['generateName', generateName];
}

function macOf(identity: Identity, { clusterId, namespace }: TokenSubject, payload: string, key: Buffer): Buffer {
  // JSON keeps the fields apart, whatever characters are in them.
  const signed = JSON.stringify([VERSION, clusterId, namespace, 'Pod', ...identity, payload]);
  return createHmac('sha256', key).update(signed).digest();
}

function isEqual(given: Buffer, wanted: Buffer): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
