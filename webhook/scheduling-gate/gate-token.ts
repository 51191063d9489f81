import { z } from 'zod';
import { readToken, signToken, type TokenSubject } from '../../api/admission-token.ts';

/** What an admission knew, and what is needed when the ledger is back. */
const claimsSchema = z.object({
  /** The user name of who created the pod, as the API server authenticated them. */
  requester: z.string(),
  /** When, as an ISO date. */
  at: z.string(),
  /** The pools that its annotations name and that its author, or its ServiceAccount, may use. */
  pools: z.array(z.string()).optional(),
});
export type GateClaims = z.infer<typeof claimsSchema>;

/** Returns the token of a pod that the webhook gates. */
export function signGateToken(subject: TokenSubject, { requester, at, pools }: GateClaims, key: Buffer): string {
  return signToken('gate', subject, { requester, at, ...(pools !== undefined && { pools }) }, key);
}

/** Returns what a token says, or `undefined` if it is not the token of this stored pod under one of the keys. */
export function readGateToken(token: string, subject: TokenSubject, keys: readonly Buffer[]): GateClaims | undefined {
  return readToken('gate', token, subject, { keys, claims: claimsSchema });
}
