import { z } from 'zod';

/** A shorter key would be no secret (RFC 2104, section 3: at least the length of the hash). */
export const KEY_BYTES = 32;

/** The keys in the Secret that sign tokens. */
export interface StoredKeys {
  readonly current: Buffer;
  /** The key before: tokens that it signed are still valid. */
  readonly previous?: Buffer | undefined;
  readonly rotatedAt: Date;
}

const secretData = z.object({ current: z.base64(), previous: z.base64().optional(), rotatedAt: z.base64() });

/** Returns the keys in the data of a Secret, or `undefined` if they are incomplete. */
export function decodeKeys(data: unknown): StoredKeys | undefined {
  const stored = secretData.safeParse(data).data;
  if (stored === undefined) return undefined;
  const bytes = (text: string) => Buffer.from(text, 'base64');
  return {
    current: bytes(stored.current),
    previous: stored.previous === undefined ? undefined : bytes(stored.previous),
    rotatedAt: new Date(bytes(stored.rotatedAt).toString()),
  };
}

export function encodeKeys({ current, previous, rotatedAt }: StoredKeys): Record<string, string> {
  return {
    current: current.toString('base64'),
    ...(previous !== undefined && { previous: previous.toString('base64') }),
    rotatedAt: Buffer.from(rotatedAt.toISOString()).toString('base64'),
  };
}

/** Returns the keys of tokens that are valid: the current one first. A key that somebody emptied is none. */
export function validKeys({ current, previous }: StoredKeys): readonly Buffer[] {
  const stored = previous === undefined ? [current] : [current, previous];
  return stored.filter((key) => key.length >= KEY_BYTES);
}
