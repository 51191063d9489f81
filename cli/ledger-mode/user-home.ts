import { homedir, userInfo } from 'node:os';
import path from 'node:path';

/** Where this user's files lie; a user without an account and without HOME has `/`, as in containers. */
export function userHome(): string {
  try {
    const home = homedir();
    // An empty or relative HOME would name the folder that one happens to be in, and each such folder would get a ledger of
    // its own over the same ranges.
    return path.isAbsolute(home) ? home : userInfo().homedir;
  } catch {
    return '/';
  }
}
