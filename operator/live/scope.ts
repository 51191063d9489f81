import type { ObserveMode } from '../../api/observe-mode.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { type Prefixes, underAny } from '../../mac/mac-range.ts';
import type { LiveAddress } from './live-address.ts';
import type { ManagedNamespace } from './managed-namespace.ts';

/** Says which addresses of live objects the operator deals with. */
export interface Scope {
  /** Returns whether the address is under a prefix of the ledger. Only such an address can have been granted. */
  isOurs(mac: MacAddress): boolean;
  /** Returns whether the address is ours, or of another prefix and observed. */
  includes(address: ScopedAddress): boolean;
}

export type ScopedAddress = Pick<LiveAddress, 'mac'> & {
  readonly owner: Pick<LiveAddress['owner'], 'kind' | 'namespace'>;
};

export interface ScopeOptions {
  readonly prefixes: () => Prefixes;
  readonly observe: ObserveMode;
}

/** Creates a scope. `namespaceOf` returns a namespace by its name. */
export function createScope(
  { prefixes, observe }: ScopeOptions,
  namespaceOf: (name: string) => ManagedNamespace | undefined,
): Scope {
  const isOurs = (mac: MacAddress) => underAny(mac, prefixes());
  const isObserved = ({ kind, namespace }: ScopedAddress['owner']) => {
    if (observe !== 'managed') return observe === 'all';
    const found = namespaceOf(namespace);
    return (kind === 'Pod' ? found?.managesPods : found?.managesMachines) === true;
  };
  return { isOurs, includes: ({ mac, owner }) => isOurs(mac) || isObserved(owner) };
}
