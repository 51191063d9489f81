import { z } from 'zod';
import { objectMeta, type KubeObject, type ObjectKey } from './objects.ts';

/** What a client needs to know of a kind. The schema is the border: what comes in is parsed by it, once. */
export interface Resource<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Must accept whatever the API server accepts: an object that does not parse stops the reading of its whole kind. */
  readonly schema: z.ZodType<T>;
  /** Asks the server for `metadata` alone; only for get, list and watch. */
  readonly metadataOnly?: boolean;
}

/** The same kind with nothing but its metadata: for large objects of which only names, owners or annotations count. */
export function metadataOnly(resource: Resource<KubeObject>): Resource<KubeObject> {
  return { ...resource, schema: z.object({ metadata: objectMeta }), metadataOnly: true };
}

/** `v1` or `group/version`, as in the `apiVersion` of an object. */
export function apiVersionOf(resource: Pick<Resource<KubeObject>, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * The path of one object, or without a name that of the collection (without a namespace: over all namespaces).
 *
 * @throws RangeError for a key that cannot name an object. An empty name above all: it would turn the deletion of one
 * object into the deletion of them all.
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
 * The API server reads a path after it was decoded, so that encoding a slash does not keep it inside of a name. No name holds
 * any of these: https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/apimachinery/pkg/api/validate/content/path.go
 */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || /[/%]/.test(text))
    throw new RangeError(`"${text}" cannot be part of an API path`);
  return encodeURIComponent(text);
}
