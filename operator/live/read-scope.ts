import type { InjectionModes } from '../../api/injection-mode.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { managedNamespaces } from './managed-namespace.ts';
import { createScope, type Scope, type ScopeOptions } from './scope.ts';

export type ReadScopeDeps = ScopeOptions & {
  readonly client: KubeClient;
  readonly modes: InjectionModes;
  readonly systemNamespace: string;
};

/** Creates a scope from a list of the namespaces, before any cache has them. */
export async function readScope(deps: ReadScopeDeps): Promise<Scope> {
  const { items } = await deps.client.list(managedNamespaces(deps));
  const byName = new Map(items.map((each) => [each.metadata.name, each]));
  return createScope(deps, (name) => byName.get(name));
}
