import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { networkDefinitions } from '../../kube/client/network-definitions.ts';
import { keyOf, type KubeObject } from '../../kube/client/objects.ts';
import { metadataOnly } from '../../kube/client/resource.ts';
import { listOrEmpty } from '../../kube/client/uncached-read.ts';

/** Returns the pool that a network, `namespace/name`, of this namespace names. */
export type PoolsOfNetworks = (namespace: string, network: string) => Promise<string | undefined>;

/**
 * Creates the reader of one comparison. It lists the networks of each namespace once. Users write the names of networks as they
 * like, so one request for each name would let them decide how long it takes, and some names cannot be requested.
 */
export function createPoolsOfNetworks(client: Pick<KubeClient, 'list' | 'find'>): PoolsOfNetworks {
  const known = new Map<string, Promise<ReadonlyMap<string, string>>>();
  return async (namespace, network) => {
    const pools = known.get(namespace) ?? poolsIn(namespace, client);
    known.set(namespace, pools);
    return (await pools).get(network);
  };
}

async function poolsIn(
  namespace: string,
  client: Pick<KubeClient, 'list' | 'find'>,
): Promise<ReadonlyMap<string, string>> {
  const keep = (network: KubeObject) => poolOf(network) !== '';
  const found = await listOrEmpty(metadataOnly(networkDefinitions), client, { namespace, keep });
  return new Map(found.map((network) => [keyOf(network), poolOf(network)]));
}

function poolOf({ metadata: { annotations } }: KubeObject): string {
  return annotations?.[ANNOTATIONS.pool] ?? '';
}
