import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { decodeKeys, encodeKeys, type StoredKeys, validKeys } from '../../api/admission-keys.ts';
import { ADMISSION_KEYS_SECRET } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { type Secret, secrets } from '../../kube/client/core-resources.ts';
import { isAlreadyExists, isConflict } from '../../kube/client/errors.ts';
import { nextKeys } from './rotate-keys.ts';

/** How long a replica signs with a key that another replica has just replaced. The old key stays valid. */
export const ADMISSION_KEYS_EVERY_MS = 10_000;

/** The keys that sign the tokens of gates and of stock. All replicas share them in one Secret, and one of them creates and rotates it. */
export interface AdmissionKeys {
  /** The key that signs new tokens. */
  current(): Buffer;
  /** The keys of tokens that are still valid. */
  all(): readonly Buffer[];
  /** Reads the Secret, and writes it if it has no key or an old one. Keeps the last keys if that fails. */
  refresh(): Promise<void>;
}

export function createAdmissionKeys(options: {
  readonly client: Pick<KubeClient, 'find' | 'create' | 'update'>;
  readonly namespace: string;
  readonly logger: Logger;
}): AdmissionKeys {
  const { client, namespace, logger } = options;
  let keys: StoredKeys | undefined;

  function loaded(): StoredKeys {
    if (keys === undefined) throw new Error('the keys of the tokens were not read yet');
    return keys;
  }

  async function refresh(): Promise<void> {
    for (;;) {
      const secret = await client.find(secrets, { namespace, name: ADMISSION_KEYS_SECRET });
      const stored = decodeKeys(secret?.data);
      const next = nextKeys(stored, new Date(), () => randomBytes(32));
      if (next === stored || (await write(secret, next))) {
        keys = next;
        return;
      }
    }
  }

  /** Returns false if another replica wrote first. */
  async function write(before: Secret | undefined, next: StoredKeys): Promise<boolean> {
    const data = encodeKeys(next);
    try {
      if (before === undefined) {
        await client.create(secrets, { metadata: { name: ADMISSION_KEYS_SECRET, namespace }, type: 'Opaque', data });
      } else await client.update(secrets, { ...before, data });
      logger.info('wrote a new key of the tokens');
      return true;
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error)) return false;
      throw error;
    }
  }

  return {
    current: () => loaded().current,
    all: () => validKeys(loaded()),
    refresh,
  };
}
