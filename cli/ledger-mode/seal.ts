import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';

/**
 * Seals the audit, for ledgers that no operator seals. Never fails the command that does it on the side: a reader may not
 * seal, a standby cannot, and the next command seals the same rows.
 */
export async function sealOnTheSide(ledger: Queryable, signal?: AbortSignal): Promise<void> {
  try {
    await sealAudit(ledger, signal);
  } catch (error) {
    if (!isLedgerError(error)) throw error;
  }
}
