import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { decodeKeys, encodeKeys, type StoredKeys, validKeys } from '../../api/admission-keys.ts';
import { ADMISSION_KEYS_SECRET } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { secrets } from '../../kube/client/core-resources.ts';
import { writeData } from '../../kube/client/write-data.ts';
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
  const key = { namespace, name: ADMISSION_KEYS_SECRET };
  let keys: StoredKeys | undefined;

  function loaded(): StoredKeys {
    if (keys === undefined) throw new Error('the keys of the tokens were not read yet');
    return keys;
  }

  async function refresh(): Promise<void> {
    for (;;) {
      const before = await client.find(secrets, key);
      const stored = decodeKeys(before?.data);
      const next = nextKeys(stored, new Date(), () => randomBytes(32));
      if (next !== stored) {
        const written = await writeData(secrets, { key, before, data: encodeKeys(next) }, client);
        if (written === undefined) continue; // another replica wrote first
        logger.info('wrote a new key of the tokens');
      }
      keys = next;
      return;
    }
  }

  return {
    current: () => loaded().current,
    all: () => validKeys(loaded()),
    refresh,
  };
}
