import { z } from 'zod';
import { decode, parseResponse } from './decode.ts';
import type { JsonPatchOperation } from './json-patch.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import type { Query } from './query.ts';
import type { CallOptions, Requester } from './requester.ts';
import { apiVersionOf, type Resource, resourcePath } from './resource.ts';

export interface WriteOptions extends CallOptions {
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  readonly subresource?: string | undefined;
}

export interface CreateOptions extends Omit<WriteOptions, 'subresource'> {
  /** Without it, the namespace of the object. */
  readonly namespace?: string | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Deletes the object only if it has this uid. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly dryRun?: boolean | undefined;
}

export type Patch =
  | { readonly type: 'merge'; readonly body: unknown }
  | { readonly type: 'json'; readonly body: readonly JsonPatchOperation[] }
  | { readonly type: 'apply'; readonly body: NewObject; readonly force?: boolean | undefined };

/** An object before it is stored; the server fills in the rest of its metadata. */
export interface NewObject {
  readonly metadata: {
    readonly name?: string | undefined;
    readonly generateName?: string | undefined;
    readonly namespace?: string | undefined;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

const PATCH_CONTENT_TYPE: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // JSON is valid YAML.
  apply: 'application/apply-patch+yaml',
};

export async function createObject<T extends KubeObject>(
  requester: Requester,
  resource: Resource<T>,
  object: NewObject,
  options: CreateOptions,
): Promise<T> {
  const call = {
    method: 'POST' as const,
    path: resourcePath(resource, { namespace: options.namespace ?? object.metadata.namespace }),
    resource: resource.plural,
    query: writeQuery(options),
    body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
    options,
  };
  const created = parseResponse(call, await requester.send(call));
  return decode(resource, options.dryRun === true ? withResourceVersion(created) : created);
}

export function patchObject<T extends KubeObject>(
  requester: Requester,
  resource: Resource<T>,
  key: ObjectKey,
  patch: Patch,
  options: WriteOptions,
): Promise<T> {
  return requester.sendFor(resource, {
    method: 'PATCH',
    path: resourcePath(resource, key, options.subresource),
    query: { ...writeQuery(options), force: patch.type === 'apply' && patch.force === true ? 'true' : undefined },
    body: patch.type === 'apply' ? applyBody(resource, key, patch.body) : patch.body,
    contentType: PATCH_CONTENT_TYPE[patch.type],
    options,
  });
}

export function updateObject<T extends KubeObject>(
  requester: Requester,
  resource: Resource<T>,
  object: T,
  options: WriteOptions,
): Promise<T> {
  return requester.sendFor(resource, {
    method: 'PUT',
    path: resourcePath(resource, object.metadata, options.subresource),
    query: writeQuery(options),
    body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
    options,
  });
}

export async function deleteObject<T extends KubeObject>(
  requester: Requester,
  resource: Resource<T>,
  key: ObjectKey,
  options: DeleteOptions,
): Promise<T | undefined> {
  const { uid, resourceVersion, propagationPolicy, dryRun } = options;
  const hasPreconditions = (uid ?? resourceVersion) !== undefined;
  const call = {
    method: 'DELETE' as const,
    path: resourcePath(resource, key),
    resource: resource.plural,
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: hasPreconditions ? { uid, resourceVersion } : undefined,
      propagationPolicy,
      dryRun: dryRun === true ? ['All'] : undefined,
    },
    options,
  };
  const response = parseResponse(call, await requester.send(call));
  return remains(response) ? decode(resource, response) : undefined;
}

const finalizing = z.object({
  metadata: z.object({ deletionTimestamp: z.string(), finalizers: z.array(z.string()).min(1) }),
});

/** The response to a deletion that is complete is a Status, or for some kinds the object's last state. */
function remains(response: unknown): boolean {
  return finalizing.safeParse(response).success;
}

/** Adds what the server requires in the body of an apply: the kind and the key. */
function applyBody(resource: Resource<KubeObject>, { namespace, name }: ObjectKey, body: NewObject): NewObject {
  const metadata = { ...body.metadata, name, namespace };
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...body, metadata };
}

/** Sets an empty resourceVersion: an object of a dry run has a uid, but no version because it is not stored. */
function withResourceVersion(created: unknown): unknown {
  const object = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().default('') }) });
  return object.safeParse(created).data ?? created;
}

function writeQuery({ dryRun, fieldManager }: WriteOptions): Query {
  return { dryRun: dryRun === true ? 'All' : undefined, fieldManager };
}
