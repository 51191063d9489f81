import { userInfo } from 'node:os';

/** Who changes the ledger, and why, for the audit. */
export interface Author {
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** Returns the account that runs the program, for the audit. Unlike $USER, a script cannot change it. */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container, the uid may have no account.
    return `uid ${String(process.getuid?.() ?? 'unknown')}`;
  }
}
