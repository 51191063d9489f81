import type { Logger } from 'pino';
import { parseJson } from '../../api/parse-json.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { configMaps, type ConfigMap } from '../../kube/client/core-resources.ts';
import { isAlreadyExists, isConflict } from '../../kube/client/errors.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { ledgerHeadSchema, type LedgerHead } from '../../ledger/state/ledger-head.ts';

/**
 * Stores the ledger head of this cluster in a ConfigMap, which no restore of the database can change. A database that was
 * restored row by row to an older state cannot detect that itself.
 */
export interface LedgerHeadStore {
  /** Returns the stored head; `undefined` if none was stored or if it is not readable. */
  read(): Promise<LedgerHead | undefined>;
  /** Stores a newer head. Ignores an older one, which a lagging standby may report. Replaces that of another ledger. */
  save(head: LedgerHead): Promise<void>;
}

/** The key in the ConfigMap's data. */
const KEY = 'head.json';

export function createLedgerHeadStore(options: {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly logger: Logger;
}): LedgerHeadStore {
  const { client, namespace, name, logger } = options;
  /** The last state that this process read or wrote. A write fails if its resourceVersion is outdated. */
  let cached: ConfigMap | undefined;

  async function read(): Promise<LedgerHead | undefined> {
    cached ??= await getOrUndefined(configMaps, { namespace, name }, client);
    if (cached === undefined) return undefined;
    const head = ledgerHeadSchema.safeParse(parseJson(cached.data?.[KEY] ?? '')).data;
    if (head === undefined) logger.warn({ name }, 'the stored ledger head is not readable');
    return head;
  }

  return {
    read,
    save: async (head) => {
      const before = await read();
      if (before !== undefined && !isNewer(head, before)) return;
      const data = { [KEY]: JSON.stringify(head) };
      const stored = cached;
      cached = undefined;
      try {
        cached =
          stored === undefined
            ? await client.create(configMaps, { metadata: { namespace, name }, data })
            : await client.update(configMaps, { ...stored, data });
      } catch (error) {
        // Another leader has written meanwhile, maybe a newer head. The next read gets it.
        if (!isConflict(error) && !isAlreadyExists(error)) throw error;
      }
    },
  };
}

function isNewer({ ledgerId, epoch, auditHead }: LedgerHead, before: LedgerHead): boolean {
  if (ledgerId !== before.ledgerId) return true;
  if (epoch !== before.epoch) return epoch > before.epoch;
  return auditHead > before.auditHead;
}
