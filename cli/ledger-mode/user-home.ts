import { homedir, userInfo } from 'node:os';
import path from 'node:path';

/** Returns the home directory, or `/` for a user without an account and without HOME, as in containers. */
export function userHome(): string {
  try {
    const home = homedir();
    // An empty or relative HOME would mean the current directory, and each directory would get its own ledger over the
    // same ranges.
    return path.isAbsolute(home) ? home : userInfo().homedir;
  } catch {
    return '/';
  }
}
