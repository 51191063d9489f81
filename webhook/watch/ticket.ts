import { LEDGER_HEAD_CONFIG_MAP, TICKET_KEY } from '../../api/names.ts';
import { parseJson } from '../../api/parse-json.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { configMaps } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { ticketSchema } from '../../ledger/state/identity.ts';

/** The operator stores a ticket every 30 seconds, and the ledger knows those of the last five minutes. */
export const TICKET_EVERY_MS = 10_000;

/** Reads the ticket of this cluster, which the webhooks of a copy of it do not have. Keeps the last one while it cannot be read. */
export interface TicketReader {
  /** Returns the last one that was read. Absent while the operator has stored none. */
  current(): string | undefined;
  read(): Promise<void>;
}

export function createTicketReader({
  client,
  namespace,
}: {
  readonly client: KubeClient;
  readonly namespace: string;
}): TicketReader {
  let ticket: string | undefined;

  async function read(): Promise<void> {
    const stored = await getOrUndefined(configMaps, { namespace, name: LEDGER_HEAD_CONFIG_MAP }, client);
    // The operator showed `prev` to the ledger before it stored the pair, so the ledger knows it.
    ticket = ticketSchema.safeParse(parseJson(stored?.data?.[TICKET_KEY] ?? '')).data?.prev;
  }

  return {
    current: () => ticket,
    read,
  };
}
