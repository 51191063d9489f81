import type { LedgerObject } from '../../api/ledger-view.ts';
import { formatDistance } from '../output/time.ts';
import { failure, type Finding, fine, warning } from './finding.ts';

/** The operator seals the audit every ten seconds while there are new rows. */
const SEAL_OVERDUE_MS = 10 * 60_000;

/** Evaluates the state of a ledger. */
export function ledgerFindings(ledger: LedgerObject, now: Date): Finding[] {
  return [stateOf(ledger), timeOf(ledger), durabilityOf(ledger), auditOf(ledger, now)];
}

function stateOf({ closed, mode, epoch, metadata }: LedgerObject): Finding {
  if (closed !== undefined) return failure('state', closed);
  return fine('state', `ledger ${metadata.name} is ${mode}, in epoch ${String(epoch)}`);
}

function timeOf({ expiryHeld }: LedgerObject): Finding {
  if (expiryHeld !== undefined) return warning('expiry', expiryHeld);
  return fine('expiry', 'leases, expiries and reuse delays end in time');
}

function durabilityOf({ durability, postgresVersion }: LedgerObject): Finding {
  const promise =
    durability === 'quorum'
      ? 'a failover loses no acknowledged allocation'
      : 'a failover to a standby may lose the last allocations, which a recovery then covers';
  return fine('durability', `${durability} (${promise}), Postgres ${postgresVersion}`);
}

function auditOf({ lastSeal, unsealed, forks }: LedgerObject, now: Date): Finding {
  const open = `${String(unsealed)} row(s) not sealed yet`;
  if (forks > 0) {
    return warning(
      'audit',
      `${String(forks)} recovery(s) may have lost seals; ${open}`,
      'Compare the seals with their anchors: `rock-mac check --anchor FILE`.',
    );
  }
  if (lastSeal === undefined) return fine('audit', open);
  const age = formatDistance(new Date(lastSeal.sealedAt), now);
  const text = `last seal ${String(lastSeal.seq)}, ${age} ago; ${open}`;
  const isOverdue = unsealed > 0 && now.getTime() - new Date(lastSeal.sealedAt).getTime() > SEAL_OVERDUE_MS;
  if (!isOverdue) return fine('audit', text);
  return warning('audit', text, 'Run an operator, or seal it now with `rock-mac check`.');
}
