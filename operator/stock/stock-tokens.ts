import { decodeKeys, validKeys } from '../../api/admission-keys.ts';
import type { TokenSubject } from '../../api/admission-token.ts';
import { ADMISSION_KEYS_SECRET } from '../../api/names.ts';
import { readStockToken, type StockClaims } from '../../api/stock-token.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { secrets } from '../../kube/client/core-resources.ts';

/** Reads the tokens by which a webhook says who got addresses of its stock. */
export interface StockTokens {
  /** Returns what a token says, or `undefined` if it is not the token of this stored pod. Throws if the keys cannot be read. */
  read(token: string, subject: TokenSubject): Promise<StockClaims | undefined>;
}

/** How soon the keys are read again for a token that they did not sign. Everybody can write such a token. */
const REREAD_MS = 5_000;

/** Creates a reader with the keys of the webhook. `now` returns milliseconds of a clock that never goes back. */
export function createStockTokens({
  client,
  namespace,
  now,
}: {
  readonly client: Pick<KubeClient, 'find'>;
  readonly namespace: string;
  readonly now: () => number;
}): StockTokens {
  let keys: readonly Buffer[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  async function readKeys(): Promise<void> {
    const began = now();
    const stored = decodeKeys((await client.find(secrets, { namespace, name: ADMISSION_KEYS_SECRET }))?.data);
    keys = stored === undefined ? [] : validKeys(stored);
    readAt = began;
  }

  return {
    read: async (token, subject) => {
      const claims = readStockToken(token, subject, keys);
      if (claims !== undefined || now() - readAt < REREAD_MS) return claims;
      reading ??= readKeys().finally(() => {
        reading = undefined;
      });
      await reading;
      return readStockToken(token, subject, keys);
    },
  };
}
