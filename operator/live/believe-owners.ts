import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import { metadataOnly, type Resource } from '../../kube/client/resource.ts';
import { listOrEmpty } from '../../kube/client/uncached-read.ts';
import type { LiveWorkload, Workload } from './workload.ts';

/**
 * Returns the workloads, each with the addresses that it owns. Everybody can write an owner reference, so it is believed only
 * if the owner exists in the namespace with that uid. Otherwise the addresses are the workload's own, and conflict with those
 * of others.
 *
 * Most owners are in the list. If one is not, all objects of its kind are listed: one request for each reference would let
 * their authors decide how long it takes.
 */
export async function believeOwners(
  found: readonly LiveWorkload[],
  client: KubeClient,
): Promise<readonly LiveWorkload[]> {
  const known = new Set(found.map(({ kind, workload }) => identityOf(kind.resource, workload)));
  const isKnown = ({ kind: { parent }, workload: { metadata, runsFor } }: LiveWorkload) =>
    runsFor === undefined ||
    (parent !== undefined && known.has(identityOf(parent, { metadata: { ...metadata, ...runsFor } })));
  const parents = new Set(found.flatMap((each) => (isKnown(each) ? [] : (each.kind.parent ?? []))));
  for (const parent of parents) {
    for (const owner of await listOrEmpty(metadataOnly(parent), client)) known.add(identityOf(parent, owner));
  }
  return found.map((each) =>
    isKnown(each) ? each : { kind: each.kind, workload: withAddressesOfOwner(each.workload) },
  );
}

function identityOf({ kind }: Resource<KubeObject>, { metadata: { namespace = '', name, uid } }: Named): string {
  return `${kind}/${namespace}/${name}/${uid}`;
}

interface Named {
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string; readonly uid: string };
}

function withAddressesOfOwner({ nicsOfOwner = [], nics, ...workload }: Workload): Workload {
  return { ...workload, nics: [...nics, ...nicsOfOwner] };
}
