import { ANNOTATIONS } from '../../api/names.ts';
import type { AddressRequest, ChosenPool, Plan } from '../plan/plan.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';

/** What may name a pool for the interfaces of an object. */
export interface PoolSources {
  readonly kind: string;
  readonly namespace: string;
  /** The pool that the annotation of the object names; empty without one. */
  readonly ofObject: string;
  /** Whether a policy of the API server has asked whoever wrote it for the right to use that pool. */
  readonly isOfObjectGranted?: boolean;
  /** The pools that NetworkAttachmentDefinitions name, by `namespace/name`. */
  readonly ofNetworks: ReadonlyMap<string, string>;
  /** Its pool is that of every interface for which nothing else names one. */
  readonly terms: Pick<NamespaceTerms, 'pool'>;
}

/**
 * Returns the requests with the pools that are named for them: by the object itself, else by the network of the interface. What is
 * closer to the workload goes first. A claim has its address already.
 */
export function choosePools(
  requests: readonly AddressRequest[],
  networks: Plan['networks'],
  sources: PoolSources,
): readonly AddressRequest[] {
  return requests.map((request) => {
    const pool = request.claim === undefined ? choosePool(networks.get(request.nic), sources) : undefined;
    return pool === undefined ? request : { ...request, pool };
  });
}

function choosePool(
  network: string | undefined,
  { kind, namespace, ofObject, isOfObjectGranted = false, ofNetworks, terms }: PoolSources,
): ChosenPool | undefined {
  if (ofObject !== '') {
    const namedBy = `annotation ${ANNOTATIONS.pool} of this ${kind}`;
    return { name: ofObject, namedBy, isGranted: isOfObjectGranted || ofObject === terms.pool };
  }
  const key = networkKey(network ?? '', namespace);
  const name = ofNetworks.get(key) ?? '';
  if (name === '') return undefined;
  const namedBy = `annotation ${ANNOTATIONS.pool} of network ${key}`;
  // A policy of the API server has asked its author for the right to use the pool there, and only there.
  return { name, namedBy, isGranted: name === terms.pool || key.startsWith(`${namespace}/`) };
}

/** Returns `namespace/name` of a network that may be named without its namespace. */
export function networkKey(network: string, namespace: string): string {
  return network.includes('/') ? network : `${namespace}/${network}`;
}

/** Returns the pool that a request is for. */
export function poolOf({ pool }: Pick<AddressRequest, 'pool'>, terms: Pick<NamespaceTerms, 'pool'>): string {
  return pool?.name ?? terms.pool;
}

/** Returns what named the pool of a request, or `undefined` if it is that of the installation. */
export function namerOfPool(
  { pool }: Pick<AddressRequest, 'pool'>,
  namespace: string,
  { annotations }: Pick<NamespaceTerms, 'annotations'>,
): string | undefined {
  if (pool !== undefined) return pool.namedBy;
  const isNamed = (annotations?.[ANNOTATIONS.pool] ?? '') !== '';
  return isNamed ? `annotation ${ANNOTATIONS.pool} of namespace ${namespace}` : undefined;
}

/** Completes the reason of an allocation with what named the pool. So the history of the address shows which annotation it was. */
export function withNamer(
  reason: string,
  request: Pick<AddressRequest, 'pool'>,
  namespace: string,
  terms: Pick<NamespaceTerms, 'annotations'>,
): string {
  const namedBy = namerOfPool(request, namespace, terms);
  return namedBy === undefined ? reason : `${reason}; pool named by ${namedBy}`;
}
