import { z } from 'zod';
import { type KubeObject, type ObjectKey, objectMeta } from './objects.ts';

/** Describes a kind to the client. Every object of the server is parsed once, by this schema. */
export interface Resource<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Must accept every object that the API server accepts: one that does not parse fails the list of its whole kind. */
  readonly schema: z.ZodType<T>;
  /** Requests only `metadata` from the server; applies to get, list and watch. */
  readonly metadataOnly?: boolean;
}

/** Returns the same kind with metadata only, for large objects of which only names, owners or annotations matter. */
export function metadataOnly(resource: Resource<KubeObject>): Resource<KubeObject> {
  return { ...resource, schema: z.object({ metadata: objectMeta }), metadataOnly: true };
}

/** Returns `v1` or `group/version`, as in the `apiVersion` of an object. */
export function apiVersionOf(resource: Pick<Resource<KubeObject>, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * Returns the path of an object, or of the collection if there is no name. Without a namespace, the collection spans all
 * namespaces.
 *
 * @throws RangeError for a key that cannot name an object. An empty name would turn the deletion of one object into the
 * deletion of all.
 */
export function resourcePath(
  resource: Pick<Resource<KubeObject>, 'group' | 'version' | 'plural' | 'namespaced'>,
  key: Partial<ObjectKey>,
  subresource?: string,
): string {
  const { namespace, name } = key;
  if (!resource.namespaced && namespace !== undefined) {
    throw new RangeError(`${resource.plural} are cluster-scoped, but the namespace ${namespace} was given`);
  }
  if (resource.namespaced && name !== undefined && namespace === undefined) {
    throw new RangeError(`${resource.plural} are namespaced, but ${name} was given without a namespace`);
  }
  const root = resource.group === '' ? '/api' : '/apis';
  const segments = [root, apiVersionOf(resource)];
  if (namespace !== undefined) segments.push('namespaces', segment(namespace));
  segments.push(resource.plural);
  if (name !== undefined) segments.push(segment(name));
  if (subresource !== undefined) segments.push(segment(subresource));
  return segments.join('/');
}

/**
 * Encodes one segment. The API server splits the path after decoding it, so an encoded slash would not stay in the name.
 * No valid name contains these characters: https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/apimachinery/pkg/api/validate/content/path.go
 */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || /[/%]/.test(text))
    throw new RangeError(`"${text}" cannot be part of an API path`);
  return encodeURIComponent(text);
}
