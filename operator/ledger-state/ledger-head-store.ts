import type { Logger } from 'pino';
import type { KubeClient } from '../../kube/client/client.ts';
import { configMaps, type ConfigMap } from '../../kube/client/core-resources.ts';
import { isAlreadyExists, isConflict } from '../../kube/client/errors.ts';
import { memorySchema, type LedgerMemory } from '../../ledger/state/ledger-head.ts';
import { readIfThere } from '../uncached-read.ts';

/**
 * Where this cluster keeps what it knows of the ledger: a ConfigMap, which no restore of the database can touch. A database
 * that was put back to an older state, row by row, looks to itself as if nothing had happened.
 */
export interface LedgerMemoryStore {
  recall(): Promise<LedgerMemory | undefined>;
  /** Never forgets: a ledger that knows less (a standby that lags) is no news. Another ledger takes its place. */
  remember(memory: LedgerMemory): Promise<void>;
}

const KEY = 'memory.json';

export function createLedgerMemoryStore(options: {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly logger: Logger;
}): LedgerMemoryStore {
  const { client, namespace, name, logger } = options;
  /** As this process read or wrote it last. The resourceVersion decides whether it is still true. */
  let known: ConfigMap | undefined;

  async function recall(): Promise<LedgerMemory | undefined> {
    known ??= await readIfThere(configMaps, { namespace, name }, client);
    if (known === undefined) return undefined;
    const memory = parse(known.data?.[KEY] ?? '');
    if (memory === undefined) logger.warn({ name }, 'what was remembered of the ledger cannot be read');
    return memory;
  }

  return {
    recall,
    remember: async (memory) => {
      const before = await recall();
      if (before !== undefined && !isNews(memory, before)) return;
      const data = { [KEY]: JSON.stringify(memory) };
      const stored = known;
      known = undefined;
      try {
        known =
          stored === undefined
            ? await client.create(configMaps, { metadata: { namespace, name }, data })
            : await client.update(configMaps, { ...stored, data });
      } catch (error) {
        // Another leader wrote meanwhile and may know more: its memory is compared at the next look.
        if (!isConflict(error) && !isAlreadyExists(error)) throw error;
      }
    },
  };
}

function parse(text: string): LedgerMemory | undefined {
  try {
    return memorySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function isNews({ ledgerId, incarnation, auditHead }: LedgerMemory, before: LedgerMemory): boolean {
  if (ledgerId !== before.ledgerId) return true;
  if (incarnation !== before.incarnation) return incarnation > before.incarnation;
  return auditHead > before.auditHead;
}
