import type { Logger } from 'pino';
import { type LedgerOptions, openLedger } from './connect.ts';
import { type GuardedLedger, guardSchema } from './schema-guard.ts';

/** Opens the ledger for a long-lived process, with the schema guard and with connection problems in the log. */
export function openServiceLedger({
  logger,
  ...options
}: Omit<LedgerOptions, 'onError'> & { readonly logger: Logger }): GuardedLedger {
  const ledger = openLedger({
    ...options,
    onError: (error) => {
      logger.warn({ err: error }, 'a connection to the ledger broke');
    },
  });
  return guardSchema(ledger, {
    onChange: (mismatch) => {
      if (mismatch === undefined) logger.info('ledger schema fits this program again');
      else logger.error({ err: mismatch }, 'ledger schema does not fit this program: refusing all statements');
    },
  });
}
