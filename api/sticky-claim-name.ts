import { hashedName } from './hashed-name.ts';
import type { StickyFor } from './mac-allocation.ts';

/**
 * Returns the name of the sticky claim that shows the address of a workload's interface. An interface is no name of an object, and
 * `web-0` with `a` must differ from `web` with `0-a`, so the name has a hash of the parts.
 */
export function stickyClaimName({ kind, name, nic }: Pick<StickyFor, 'kind' | 'name' | 'nic'>): string {
  return hashedName(name, [kind, name, nic]);
}
