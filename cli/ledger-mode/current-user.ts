import { userInfo } from 'node:os';

/** Who runs the program, for the audit: the system's account, which a script cannot set by a variable. */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `uid ${String(process.getuid?.() ?? 'unknown')}`;
  }
}
