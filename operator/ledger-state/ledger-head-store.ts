import type { Logger } from 'pino';
import { parseJson } from '../../api/parse-json.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { configMaps, type ConfigMap } from '../../kube/client/core-resources.ts';
import { isAlreadyExists, isConflict } from '../../kube/client/errors.ts';
import { ledgerHeadSchema, type LedgerHead } from '../../ledger/state/ledger-head.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';

/**
 * Where this cluster keeps what it knows of the ledger: a ConfigMap, which no restore of the database can touch. A database
 * that was put back to an older state, row by row, looks to itself as if nothing had happened.
 */
export interface LedgerHeadStore {
  recall(): Promise<LedgerHead | undefined>;
  /** Never forgets: a ledger that knows less (a standby that lags) is no news. Another ledger takes its place. */
  remember(head: LedgerHead): Promise<void>;
}

const KEY = 'head.json';

export function createLedgerHeadStore(options: {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly logger: Logger;
}): LedgerHeadStore {
  const { client, namespace, name, logger } = options;
  /** As this process read or wrote it last. The resourceVersion decides whether it is still true. */
  let known: ConfigMap | undefined;

  async function recall(): Promise<LedgerHead | undefined> {
    known ??= await getOrUndefined(configMaps, { namespace, name }, client);
    if (known === undefined) return undefined;
    const head = ledgerHeadSchema.safeParse(parseJson(known.data?.[KEY] ?? '')).data;
    if (head === undefined) logger.warn({ name }, 'what was remembered of the ledger cannot be read');
    return head;
  }

  return {
    recall,
    remember: async (head) => {
      const before = await recall();
      if (before !== undefined && !isNews(head, before)) return;
      const data = { [KEY]: JSON.stringify(head) };
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

function isNews({ ledgerId, epoch, auditHead }: LedgerHead, before: LedgerHead): boolean {
  if (ledgerId !== before.ledgerId) return true;
  if (epoch !== before.epoch) return epoch > before.epoch;
  return auditHead > before.auditHead;
}
