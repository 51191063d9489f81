import type { LedgerClient } from './connect.ts';
import { isLedgerError, type LedgerError } from '../errors.ts';
import { requireSchema } from '../migrate.ts';

export interface GuardedLedger extends LedgerClient {
  /** For a probe: what keeps this program from the ledger as it was found last. Nothing while nobody can look. */
  waitsFor(): readonly string[];
}

export interface SchemaGuardOptions {
  /** Between two looks, in milliseconds. */
  readonly checkEveryMs?: number;
  /** Told when the ledger begins not to fit, and when it fits again. */
  readonly onChange?: (misfit: Misfit | undefined) => void;
}

/** For so long at most a statement runs on a schema that was changed under a program. */
const POLL_EVERY_MS = 5_000;

const MISFITS = ['LEDGER_SCHEMA_MISSING', 'LEDGER_SCHEMA_TOO_OLD', 'LEDGER_SCHEMA_TOO_NEW'] as const;
type Misfit = LedgerError & { readonly code: (typeof MISFITS)[number] };

/**
 * The same ledger for a process that lives long: it is asked nothing while its schema is not for this program. The
 * migration before a process starts is no proof: the ledger may be migrated by a newer version or be restored from an older
 * backup under it, and its functions would then fail oddly, or do something else under the same name.
 */
export function guardSchema(
  ledger: LedgerClient,
  { checkEveryMs = POLL_EVERY_MS, onChange }: SchemaGuardOptions = {},
): GuardedLedger {
  let misfit: Misfit | undefined;
  /** A ledger that was away may have come back as another one. */
  let isKnown = false;
  let looking: Promise<void> | undefined;

  async function compare(): Promise<void> {
    let found: Misfit | undefined;
    try {
      await requireSchema(ledger);
    } catch (error) {
      isKnown = false;
      if (!isMisfit(error)) throw error;
      found = error;
    }
    isKnown = true;
    if (found?.message !== misfit?.message) onChange?.(found);
    misfit = found;
  }

  function look(): Promise<void> {
    looking ??= compare().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function requireFit(): Promise<void> {
    if (!isKnown) await look();
    if (misfit !== undefined) throw misfit;
  }

  async function guarded<T>(ask: () => Promise<T>): Promise<T> {
    await requireFit();
    try {
      return await ask();
    } catch (error) {
      if (!isMisfit(error)) throw error;
      // It missed something that the schema has to have, so the schema is another than at the last look.
      await look();
      throw misfit ?? error;
    }
  }

  const lookByItself = () => void look().catch(() => undefined); // who asks next gets the error
  const timer = setInterval(lookByItself, checkEveryMs);
  lookByItself();
  return {
    pool: ledger.pool,
    query: (statement) => guarded(() => ledger.query(statement)),
    transaction: (use) => guarded(() => ledger.transaction(use)),
    close: () => {
      clearInterval(timer);
      return ledger.close();
    },
    waitsFor: () => (misfit === undefined ? [] : [`a ledger that fits (${misfit.message})`]),
  };
}

/** The schema of the ledger is not for this program: no waiting helps, only another version of one of them. */
export function isMisfit(error: unknown): error is Misfit {
  return isLedgerError(error) && MISFITS.some((code) => code === error.code);
}
