import { KEY_BYTES, type StoredKeys } from '../../api/admission-keys.ts';

/** How long a key signs. Its tokens are valid for at least as long again, and a pod that is gated waits for hours at most. */
export const ROTATE_AFTER_MS = 30 * 24 * 3_600_000;

/** Returns the keys to store: the same object if they are in order, otherwise with a new current key. */
export function nextKeys(stored: StoredKeys | undefined, now: Date, newKey: () => Buffer): StoredKeys {
  if (stored === undefined || stored.current.length < KEY_BYTES) return { current: newKey(), rotatedAt: now };
  const ageMs = now.getTime() - stored.rotatedAt.getTime();
  if (ageMs < ROTATE_AFTER_MS) return stored;
  return { current: newKey(), previous: stored.current, rotatedAt: now };
}
