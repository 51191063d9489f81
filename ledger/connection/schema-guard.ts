import { isLedgerError, type LedgerError } from '../errors.ts';
import { requireSchema } from '../migrate.ts';
import type { LedgerClient } from './connect.ts';

export interface GuardedLedger extends LedgerClient {
  /**
   * Returns the reason why this program cannot use the ledger, for a readiness probe. Empty while the ledger is
   * unreachable.
   */
  notReadyReasons(): readonly string[];
}

export interface SchemaGuardOptions {
  /** Milliseconds between two schema checks. */
  readonly checkEveryMs?: number;
  /** Called when the schema stops fitting this program, and when it fits again. */
  readonly onChange?: (mismatch: SchemaMismatch | undefined) => void;
}

/** How often the schema is checked. A statement can run on a changed schema for at most this long. */
const POLL_EVERY_MS = 5_000;

const MISMATCH_CODES = ['LEDGER_SCHEMA_MISSING', 'LEDGER_SCHEMA_TOO_OLD', 'LEDGER_SCHEMA_TOO_NEW'] as const;
type SchemaMismatch = LedgerError & { readonly code: (typeof MISMATCH_CODES)[number] };

/**
 * Wraps a ledger client for a long-lived process and refuses statements while the schema does not fit the program. The
 * check at start is not enough. A newer version may migrate the ledger, or an old backup may be restored while the
 * process runs. Functions would then fail in odd ways, or do something else under the same name.
 */
export function guardSchema(
  ledger: LedgerClient,
  { checkEveryMs = POLL_EVERY_MS, onChange }: SchemaGuardOptions = {},
): GuardedLedger {
  let mismatch: SchemaMismatch | undefined;
  /** False after an outage: a different ledger may have come back. */
  let isKnown = false;
  let checking: Promise<void> | undefined;

  async function compareSchema(): Promise<void> {
    let found: SchemaMismatch | undefined;
    try {
      await requireSchema(ledger);
    } catch (error) {
      isKnown = false;
      if (!isSchemaMismatch(error)) throw error;
      found = error;
    }
    isKnown = true;
    if (found?.message !== mismatch?.message) onChange?.(found);
    mismatch = found;
  }

  function check(): Promise<void> {
    checking ??= compareSchema().finally(() => {
      checking = undefined;
    });
    return checking;
  }

  async function requireMatch(): Promise<void> {
    if (!isKnown) await check();
    if (mismatch !== undefined) throw mismatch;
  }

  async function guarded<T>(run: () => Promise<T>): Promise<T> {
    await requireMatch();
    try {
      return await run();
    } catch (error) {
      if (!isSchemaMismatch(error)) throw error;
      // A missing object means that the schema changed since the last check.
      await check();
      throw mismatch ?? error;
    }
  }

  const checkInBackground = () => void check().catch(() => undefined); // the next statement gets the error
  const timer = setInterval(checkInBackground, checkEveryMs);
  checkInBackground();
  return {
    connections: ledger.connections,
    query: (statement) => guarded(() => ledger.query(statement)),
    transaction: (use) => guarded(() => ledger.transaction(use)),
    close: () => {
      clearInterval(timer);
      return ledger.close();
    },
    notReadyReasons: () => (mismatch === undefined ? [] : [`a ledger with a matching schema (${mismatch.message})`]),
  };
}

/** Returns true if the schema does not fit this program. Only another version of one of them helps. */
export function isSchemaMismatch(error: unknown): error is SchemaMismatch {
  return isLedgerError(error) && MISMATCH_CODES.some((code) => code === error.code);
}
