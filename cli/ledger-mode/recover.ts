import { approveRecovery, recoverIfNeeded, recoverWithout } from '../../ledger/state/recovery.ts';
import { ledgerState, type LedgerState } from '../../ledger/state/state.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { findCluster } from './clusters.ts';
import { currentUser } from './current-user.ts';
import { withLedger } from './open.ts';

/** Continues a recovery as far as possible. Returns lines that describe the state of the ledger. */
export async function recoverLedger(
  options: GlobalOptions,
  { approve, without }: { readonly approve: boolean; readonly without?: string | undefined },
): Promise<string[]> {
  return withLedger(options, async (ledger) => {
    const actor = currentUser();
    await recoverIfNeeded(ledger, actor);
    if (without !== undefined) {
      const { clusterId, name } = await findCluster(ledger, without);
      const outcome = await recoverWithout(ledger, clusterId, actor);
      if (outcome === 'not_registered') {
        throw new UserError(
          `Cluster ${name} is retired, so the recovery does not wait for it.`,
          'Run `rock-mac recover`.',
          'notFound',
        );
      }
    }
    if (approve) await approveRecovery(ledger);
    return [stateLine(await ledgerState(ledger))];
  });
}

export function stateLine({ closed, epoch }: LedgerState): string {
  if (closed === undefined) return `The ledger is open (epoch ${String(epoch)}).`;
  return closed.message;
}
