import { z } from 'zod';
import { requireReason } from '../address/reason.ts';
import { requireValid } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** Two links of the chain by which a cluster proves its identity. `prev` is absent in the first pair. */
export const ticketSchema = z.object({ prev: storableText(64).optional(), next: storableText(64) });
export type Ticket = z.infer<typeof ticketSchema>;

const OUTCOMES = ['accepted', 'copied', 'waiting', 'shared', 'restored', 'not_evaluated', 'not_registered'] as const;

/**
 * `accepted`: the chain goes on. `copied`: it does, but another control plane has shown an old pair. `waiting`: an old pair, and
 * it is not known yet whether it is of a copy or of a restored backup. `shared`: of a copy; a person decides. `restored`: of a
 * backup; the cluster does its initial sync again. `not_evaluated`: the ledger awaits a recovery.
 */
export type TicketOutcome = (typeof OUTCOMES)[number];

/** Shows the ticket of a cluster. Repeating it changes nothing. */
export async function showTicket(
  db: Queryable,
  { clusterId, prev, next }: Ticket & { readonly clusterId: string },
  actor: string,
): Promise<TicketOutcome> {
  requireValid(ticketSchema, { prev, next }, 'The ticket');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.show_ticket($1, $2, $3, $4) as outcome`,
    values: [clusterId, prev ?? null, next, actor],
    row: z.object({ outcome: z.enum(OUTCOMES) }),
  });
  return outcome;
}

/**
 * Stores the decision of an admin which of two control planes with one identity continues the cluster. The newcomer is the
 * one that showed an old ticket. If it continues, it does its initial sync before it allocates.
 */
export async function continueCluster(
  db: Queryable,
  { clusterId, as }: { readonly clusterId: string; readonly as: 'known' | 'newcomer' },
  actor: string,
  reason = 'an admin decided',
): Promise<'known' | 'newcomer' | 'not_shared' | 'not_registered'> {
  requireReason(reason);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.continue_cluster($1, $2, $3, $4) as outcome`,
    values: [clusterId, as === 'newcomer', actor, reason],
    row: z.object({ outcome: z.enum(['known', 'newcomer', 'not_shared', 'not_registered']) }),
  });
  return outcome;
}
