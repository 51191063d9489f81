import type { Logger } from 'pino';
import { TICKET_KEY } from '../../api/names.ts';
import { parseJson } from '../../api/parse-json.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { type ConfigMap, configMaps } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { writeData } from '../../kube/client/write-data.ts';
import { type Anchors, anchorsSchema } from '../../ledger/seal/anchor.ts';
import { type Ticket, ticketSchema } from '../../ledger/state/identity.ts';
import { type LedgerHead, ledgerHeadSchema } from '../../ledger/state/ledger-head.ts';

/**
 * Stores the ledger head of this cluster in a ConfigMap, which no restore of the database can change. A database that was
 * restored row by row to an older state cannot detect that itself. The anchors of the audit's seals are stored beside it, and
 * the ticket by which the cluster proves its identity.
 */
export interface LedgerHeadStore {
  /** Returns the stored head; `undefined` if none was stored or if it is not readable. */
  read(): Promise<LedgerHead | undefined>;
  /** Stores a newer head. Ignores an older one, which a lagging standby may report. Replaces that of another ledger. */
  save(head: LedgerHead): Promise<void>;
  /** Returns the anchors of the audit's seals; `undefined` if none were stored. Throws if they are not readable. */
  readAnchors(): Promise<Anchors | undefined>;
  /** Stores anchors instead of the ones before. Does nothing if another process has written meanwhile. */
  saveAnchors(anchors: Anchors): Promise<void>;
  /** Reads the ticket of the cluster, uncached; `undefined` if none was stored or if it is not readable. */
  readTicket(): Promise<Ticket | undefined>;
  /** Stores the ticket after the one that was read. Returns `false` if another process has written meanwhile. */
  replaceTicket(ticket: Ticket): Promise<boolean>;
}

/** The keys in the ConfigMap's data. */
const KEY = 'head.json';
const ANCHORS_KEY = 'seals.json';

export function createLedgerHeadStore(options: {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly logger: Logger;
}): LedgerHeadStore {
  const { client, namespace, name, logger } = options;
  const key = { namespace, name };
  /** The last state that this process read or wrote. A write fails if its resourceVersion is outdated. */
  let cached: ConfigMap | undefined;

  async function readAll(): Promise<ConfigMap | undefined> {
    cached ??= await getOrUndefined(configMaps, key, client);
    return cached;
  }

  async function read(): Promise<LedgerHead | undefined> {
    const known = headOf(cached);
    if (known !== undefined) return known;
    // Another process may have stored it meanwhile, beside a ticket that this one has read.
    cached = undefined;
    const stored = await readAll();
    const head = headOf(stored);
    if (head === undefined && stored?.data?.[KEY] !== undefined)
      logger.warn({ name }, 'the stored ledger head is not readable');
    return head;
  }

  /** Returns whether it was stored. */
  async function write(data: Readonly<Record<string, string>>): Promise<boolean> {
    const before = await readAll();
    // If another leader has written meanwhile, maybe a newer head, the next read gets it.
    cached = undefined;
    cached = await writeData(configMaps, { key, before, data: { ...before?.data, ...data } }, client);
    return cached !== undefined;
  }

  return {
    read,
    save: async (head) => {
      const before = await read();
      if (before === undefined || isNewer(head, before)) await write({ [KEY]: JSON.stringify(head) });
    },
    readAnchors: async () => {
      const text = (await readAll())?.data?.[ANCHORS_KEY];
      if (text === undefined) return undefined;
      const { data, error } = anchorsSchema.safeParse(parseJson(text));
      if (data === undefined)
        throw new Error(`${ANCHORS_KEY} in the ConfigMap ${name} is not readable`, { cause: error });
      return data;
    },
    saveAnchors: async (anchors) => {
      await write({ [ANCHORS_KEY]: JSON.stringify(anchors) });
    },
    readTicket: async () => {
      cached = undefined;
      const stored = await readAll();
      return ticketSchema.safeParse(parseJson(stored?.data?.[TICKET_KEY] ?? '')).data;
    },
    replaceTicket: (ticket) => write({ [TICKET_KEY]: JSON.stringify(ticket) }),
  };
}

function headOf(stored: ConfigMap | undefined): LedgerHead | undefined {
  return ledgerHeadSchema.safeParse(parseJson(stored?.data?.[KEY] ?? '')).data;
}

function isNewer({ ledgerId, epoch, auditHead }: LedgerHead, before: LedgerHead): boolean {
  if (ledgerId !== before.ledgerId) return true;
  if (epoch !== before.epoch) return epoch > before.epoch;
  return auditHead > before.auditHead;
}
