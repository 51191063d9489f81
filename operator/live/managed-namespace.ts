import { type InjectionModes, isSelectedNamespace } from '../../api/injection-mode.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import { metadataOnly, type Resource } from '../../kube/client/resource.ts';
import { trimMetadata } from './workload.ts';

/** A namespace, reduced to which of its objects get addresses without an annotation of their own. */
export interface ManagedNamespace extends KubeObject {
  readonly managesPods: boolean;
  readonly managesMachines: boolean;
}

/** Returns the namespaces of the cluster, trimmed before they are cached. Those that the webhook leaves out are not managed. */
export function managedNamespaces({
  modes,
  systemNamespace,
}: {
  readonly modes: InjectionModes;
  readonly systemNamespace: string;
}): Resource<ManagedNamespace> {
  const { schema, ...resource } = metadataOnly(namespaces);
  const leftOut = new Set(['kube-system', systemNamespace]);
  return {
    ...resource,
    schema: schema.transform(({ metadata }): ManagedNamespace => {
      const manages = (mode: InjectionModes['pods']) =>
        !leftOut.has(metadata.name) && isSelectedNamespace(metadata.labels ?? {}, mode);
      return {
        metadata: trimMetadata(metadata),
        managesPods: manages(modes.pods),
        managesMachines: manages(modes.virtualMachines),
      };
    }),
  };
}
