import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import { GATE_KEYS_SECRET } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { type Secret, secrets } from '../../kube/client/core-resources.ts';
import { isAlreadyExists, isConflict } from '../../kube/client/errors.ts';
import { nextKeys, type StoredKeys } from './rotate-keys.ts';

/** How long a replica signs with a key that another replica has just replaced. The old key stays valid. */
export const GATE_KEYS_EVERY_MS = 10_000;

/** The keys that sign gate tokens. All replicas share them in one Secret, and one of them creates and rotates it. */
export interface GateKeys {
  /** The key that signs new tokens. */
  current(): Buffer;
  /** The keys of tokens that are still valid. */
  all(): readonly Buffer[];
  /** Reads the Secret, and writes it if it has no key or an old one. Keeps the last keys if that fails. */
  refresh(): Promise<void>;
}

export function createGateKeys(options: {
  readonly client: Pick<KubeClient, 'find' | 'create' | 'update'>;
  readonly namespace: string;
  readonly logger: Logger;
}): GateKeys {
  const { client, namespace, logger } = options;
  let keys: StoredKeys | undefined;

  function loaded(): StoredKeys {
    if (keys === undefined) throw new Error('the keys of gate tokens were not read yet');
    return keys;
  }

  async function refresh(): Promise<void> {
    for (;;) {
      const secret = await client.find(secrets, { namespace, name: GATE_KEYS_SECRET });
      const stored = decode(secret);
      const next = nextKeys(stored, new Date(), () => randomBytes(32));
      if (next === stored || (await write(secret, next))) {
        keys = next;
        return;
      }
    }
  }

  /** Returns false if another replica wrote first. */
  async function write(before: Secret | undefined, next: StoredKeys): Promise<boolean> {
    const data = encode(next);
    try {
      if (before === undefined) {
        await client.create(secrets, { metadata: { name: GATE_KEYS_SECRET, namespace }, type: 'Opaque', data });
      } else await client.update(secrets, { ...before, data });
      logger.info('wrote a new key of gate tokens');
      return true;
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error)) return false;
      throw error;
    }
  }

  return {
    current: () => loaded().current,
    all: () => {
      const { current, previous } = loaded();
      return previous === undefined ? [current] : [current, previous];
    },
    refresh,
  };
}

const secretData = z.object({ current: z.base64(), previous: z.base64().optional(), rotatedAt: z.base64() });

function decode(secret: Secret | undefined): StoredKeys | undefined {
  const { data } = secretData.safeParse(secret?.data);
  if (data === undefined) return undefined;
  const bytes = (text: string) => Buffer.from(text, 'base64');
  return {
    current: bytes(data.current),
    previous: data.previous === undefined ? undefined : bytes(data.previous),
    rotatedAt: new Date(bytes(data.rotatedAt).toString()),
  };
}

function encode({ current, previous, rotatedAt }: StoredKeys): Record<string, string> {
  return {
    current: current.toString('base64'),
    ...(previous !== undefined && { previous: previous.toString('base64') }),
    rotatedAt: Buffer.from(rotatedAt.toISOString()).toString('base64'),
  };
}
