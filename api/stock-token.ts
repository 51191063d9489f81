import { z } from 'zod';
import { readToken, signToken, type TokenSubject } from './admission-token.ts';

const claimsSchema = z.object({
  /** The user name of who created the pod, as the API server authenticated them. */
  requester: z.string(),
  /** When the webhook answered, as an ISO date. */
  at: z.string(),
  /** The address of each interface, as `aa:bb:cc:dd:ee:ff`. */
  addresses: z.record(z.string(), z.string()),
});

/** What the webhook knew when it answered with addresses of its stock. It proves to the operator who got them. */
export type StockClaims = z.infer<typeof claimsSchema>;

export function signStockToken(subject: TokenSubject, claims: StockClaims, key: Buffer): string {
  return signToken('stock', subject, claims, key);
}

/** Returns what a token says, or `undefined` if it is not the token of this stored pod under one of the keys. */
export function readStockToken(token: string, subject: TokenSubject, keys: readonly Buffer[]): StockClaims | undefined {
  return readToken('stock', token, subject, { keys, claims: claimsSchema });
}
