import { Client } from 'pg';
import { LedgerError } from '../errors.ts';

/** The events of node-postgres at which it would send the password itself, or a hash that is as good as the password. */
const UNSAFE_REQUESTS = {
  authenticationCleartextPassword: 'in clear text',
  authenticationMD5Password: 'as an MD5 hash',
} as const;

/**
 * A Postgres client that proves its password by SCRAM only. Whoever answers at the address of the ledger could otherwise
 * ask for the password, and get it.
 */
export class SafeClient extends Client {
  override connect(): Promise<this>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): unknown {
    if (callback !== undefined) {
      super.connect(callback);
      this.#refuseUnsafeRequests();
      return undefined;
    }
    const connecting = super.connect();
    this.#refuseUnsafeRequests();
    return connecting;
  }

  /** Replaces the listeners that node-postgres has just registered. No answer can have arrived before. */
  #refuseUnsafeRequests(): void {
    for (const [event, how] of Object.entries(UNSAFE_REQUESTS)) {
      this.connection.removeAllListeners(event);
      this.connection.once(event, () => {
        this.connection.stream.destroy();
        this.connection.emit('error', authenticationRefused(how));
      });
    }
  }
}

function authenticationRefused(how: string): LedgerError {
  return new LedgerError('LEDGER_AUTH_FAILED', `The server asked for the password ${how}, and did not get it`, {
    next: 'Check that the URL names your ledger. If it does, use scram-sha-256 in its pg_hba.conf, and set the password again.',
  });
}
