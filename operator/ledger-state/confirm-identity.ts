import { randomUUID } from 'node:crypto';
import { showTicket, type TicketOutcome } from '../../ledger/state/identity.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { LedgerHeadStore } from './ledger-head-store.ts';

/** Confirms that this control plane is the only one with its identity. Each leader run has one. */
export interface IdentityKeeper {
  /** Shows the ledger the next ticket. `undefined`: another leader has stored one meanwhile, so nothing was shown. */
  confirm(): Promise<TicketOutcome | undefined>;
}

/**
 * Keeps the chain of tickets. A pair is stored before it is shown, and shown again by whoever finds it, before a new one is
 * stored. So a crash between the two breaks no chain.
 */
export function createIdentityKeeper({
  ledger,
  clusterId,
  actor,
  ledgerHeads,
}: Pick<OperatorDeps, 'ledger' | 'clusterId' | 'actor'> & {
  readonly ledgerHeads: Pick<LedgerHeadStore, 'readTicket' | 'replaceTicket'>;
}): IdentityKeeper {
  let confirmed: string | undefined;

  async function ticketToShow() {
    const stored = await ledgerHeads.readTicket();
    if (stored !== undefined && stored.next !== confirmed) return stored;
    const following = { prev: stored?.next, next: randomUUID() };
    return (await ledgerHeads.replaceTicket(following)) ? following : undefined;
  }

  return {
    confirm: async () => {
      const ticket = await ticketToShow();
      if (ticket === undefined) return undefined;
      const outcome = await showTicket(ledger, { clusterId, ...ticket }, actor);
      if (outcome === 'accepted' || outcome === 'copied' || outcome === 'restored') confirmed = ticket.next;
      return outcome;
    },
  };
}
