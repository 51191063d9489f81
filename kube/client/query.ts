import type { KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';

/** Which objects of a kind to list or watch. */
export interface Selection {
  /** Without it, all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export type Query = Readonly<Record<string, string | undefined>>;

/** Returns the query parameters of a selection. The namespace is part of the path. */
export function selectorQuery({ labelSelector, fieldSelector }: Selection): Query {
  return { labelSelector, fieldSelector };
}

/** Formats the parameters that have a value, with a leading `?`; returns an empty string when there are none. */
export function formatQuery(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/**
 * Returns the `Accept` header for a kind, which may request metadata only
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches).
 */
export function acceptHeader(
  resource: Resource<KubeObject>,
  kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList',
): string {
  return resource.metadataOnly === true ? `application/json;as=${kind};g=meta.k8s.io;v=v1` : 'application/json';
}
