import type { Logger } from 'pino';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { systemClock, type Clock } from '../time/clock.ts';
import { createCredentialSource, type Impersonation } from './credentials.ts';
import { decode, parseResponse } from './decode.ts';
import { isGone, KubeConnectionError, KubeDecodeError, KubeError, kubeErrorFromResponse } from './errors.ts';
import type { JsonPatchOperation } from './json-patch.ts';
import { loadKubeConfig, type KubeConfigOptions } from './kubeconfig.ts';
import type { ClientMetrics } from '../metrics.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import { apiVersionOf, resourcePath, type Resource } from './resource.ts';
import { defaultRetryPolicy, retryDelayMs, type RetryPolicy } from './retry.ts';
import { sleep } from '../time/sleep.ts';
import { createTransport, type HttpMethod } from './transport.ts';
import { parseWatchLine, splitLines } from './watch-stream.ts';

/** For every call: how long and how often, and when not to bother any more. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For one attempt, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** At most so many attempts, the first included; 1 repeats nothing. */
  readonly attempts?: number | undefined;
  /** The caller knows that doing it twice is the same as doing it once, so that a write may be repeated like a read. */
  readonly repeatable?: boolean | undefined;
}

export interface WriteOptions extends CallOptions {
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  readonly subresource?: string | undefined;
}

export interface Selection {
  /** All namespaces without it. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions<T> extends Selection, CallOptions {
  /** Objects per request. */
  readonly pageSize?: number | undefined;
  /** What does not pass is dropped page by page, so that a large list never is in memory as a whole. */
  readonly keep?: ((object: T) => boolean) | undefined;
  /** What stands for an object in the list: the caller's own, where it has that very object in memory already. */
  readonly known?: ((object: T) => T | undefined) | undefined;
}

export interface List<T> {
  readonly items: T[];
  /** Where a watch takes over without a gap. */
  readonly resourceVersion: string;
}

export interface DeleteOptions extends CallOptions {
  /** Delete nothing but the object with this uid. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface WatchOptions extends Selection {
  /** Events after this one; without it the server first sends what there is as ADDED. */
  readonly resourceVersion?: string | undefined;
  /** When the server shall end the watch. */
  readonly timeoutSeconds: number;
  /** With neither event nor bookmark for so long, the connection is taken for dead. */
  readonly idleTimeoutMs: number;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export type Patch =
  | { readonly type: 'merge'; readonly body: unknown }
  | { readonly type: 'json'; readonly body: readonly JsonPatchOperation[] }
  | { readonly type: 'apply'; readonly body: NewObject; readonly force?: boolean | undefined };

/** An object on its way in: the server gives it the rest of its metadata. */
export interface NewObject {
  readonly metadata: {
    readonly name?: string | undefined;
    readonly generateName?: string | undefined;
    readonly namespace?: string | undefined;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/**
 * Kubernetes' API, kind by kind. Every call throws KubeError when the server says no, KubeConnectionError when it says
 * nothing, KubeDecodeError when its answer is not what the schema of the resource says, and the reason of the caller's
 * signal when that fired.
 *
 * Reads are repeated after whatever passes; writes only when they were certainly not carried out (see retry.ts).
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: CallOptions): Promise<T>;
  /** All pages of a consistent (quorum) read, or an error: never a part. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions<T>): Promise<List<T>>;
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: NewObject,
    options?: Omit<WriteOptions, 'subresource'> & { readonly namespace?: string | undefined },
  ): Promise<T>;
  patch<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, patch: Patch, options?: WriteOptions): Promise<T>;
  /** Writes the whole object, guarded by its resourceVersion. What the schema does not know is lost: for our own kinds only. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Asks for the deletion; the object may stay until its finalizers are gone. */
  delete(resource: Resource<KubeObject>, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /**
   * One watch: ends without an error when the server ends it or the signal fires. Nothing is repeated here;
   * a reflector does that.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** Any other path of the API: its answer as parsed JSON, or the text of one that is not JSON. */
  raw(method: HttpMethod, path: string, body?: unknown, options?: CallOptions): Promise<unknown>;
  /** The namespace of the context that is used. */
  contextNamespace(): Promise<string | undefined>;
  /** Breaks off what runs and closes all connections. */
  close(): Promise<void>;
}

export interface KubeClientOptions extends KubeConfigOptions {
  readonly userAgent: string;
  /** For one attempt of one request. Default 30,000 ms. */
  readonly requestTimeoutMs?: number | undefined;
  /** Running watches count. Default 64. */
  readonly maxConnections?: number | undefined;
  readonly impersonate?: Impersonation | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly logger?: Logger | undefined;
  readonly metrics?: ClientMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/**
 * Fewer than client-go's 500: a page is garbage as soon as it was read, and what is small enough dies young
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks).
 */
const defaultPageSize = 100;

/** A continue token lives as long as etcd keeps the revision, 5 minutes; a list that is slower begins again. */
const listAttempts = 3;

/** How long after its own end a watch is still waited for. */
const watchGraceMs = 10_000;

const listBody = z.object({
  kind: z.string().endsWith('List'),
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
  // Go writes an empty list of some kinds as null.
  items: z
    .array(z.unknown())
    .nullable()
    .transform((items) => items ?? []),
});

const patchContentType: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
};

/** Opens no connection yet; the kubeconfig is read at the first request. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { userAgent, requestTimeoutMs = 30_000, maxConnections = 64, metrics } = options;
  const { clock = systemClock, random = Math.random, retry = defaultRetryPolicy } = options;
  const credentials = createCredentialSource({
    load: () => loadKubeConfig(options),
    impersonate: options.impersonate,
    logger: options.logger,
    clock,
  });
  const transport = createTransport({ credentials, maxConnections, clock, metrics });

  interface Call {
    readonly method: HttpMethod;
    readonly path: string;
    /** For metrics. */
    readonly resource: string;
    readonly query?: Readonly<Record<string, string | undefined>>;
    readonly body?: unknown;
    readonly contentType?: string;
    readonly accept?: string;
    readonly options: CallOptions | undefined;
  }

  function headersOf({ body, contentType, accept }: Pick<Call, 'body' | 'contentType' | 'accept'>) {
    return {
      'User-Agent': userAgent,
      Accept: accept ?? 'application/json',
      ...(body !== undefined && { 'Content-Type': contentType ?? 'application/json' }),
    };
  }

  async function attempt(call: Call): Promise<string> {
    const started = clock.now();
    let status = '';
    try {
      const answer = await transport.request({
        method: call.method,
        path: call.path + formatQuery(call.query),
        headers: headersOf(call),
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal: call.options?.signal,
        timeoutMs: call.options?.timeoutMs ?? requestTimeoutMs,
      });
      status = String(answer.status);
      if (answer.status >= 400) throw kubeErrorFromResponse(answer.status, answer.text, answer.retryAfter);
      return answer.text;
    } catch (error) {
      if (status === '') status = statusOf(error);
      throw error;
    } finally {
      metrics?.request?.({ method: call.method, resource: call.resource, status, durationMs: clock.now() - started });
    }
  }

  async function send(call: Call): Promise<string> {
    const { signal, attempts = retry.attempts, repeatable = call.method === 'GET' } = call.options ?? {};
    for (let tried = 0; ; tried++) {
      try {
        return await attempt(call);
      } catch (error) {
        const delayMs = retryDelayMs({ error, attempt: tried, repeatable }, { ...retry, attempts }, random);
        if (delayMs === undefined) throw error;
        metrics?.retry?.({ method: call.method, resource: call.resource, status: statusOf(error), delayMs });
        await sleep(delayMs, clock, signal);
        signal?.throwIfAborted();
      }
    }
  }

  async function sendFor<T extends KubeObject>(resource: Resource<T>, call: Omit<Call, 'resource'>): Promise<T> {
    const text = await send({ ...call, resource: resource.plural });
    return decode(resource, parseResponse(call, text));
  }

  async function listOnce<T extends KubeObject>(resource: Resource<T>, options: ListOptions<T>): Promise<List<T>> {
    const items: T[] = [];
    let page: { resourceVersion: string; continue?: string | undefined } | undefined;
    do {
      const call = {
        method: 'GET' as const,
        path: resourcePath(resource, { namespace: options.namespace }),
        resource: resource.plural,
        // No resourceVersion is given: that is the consistent read.
        query: {
          ...selectors(options),
          limit: String(options.pageSize ?? defaultPageSize),
          continue: page?.continue,
        },
        accept: accept(resource, 'PartialObjectMetadataList'),
        options,
      };
      const parsed = listBody.safeParse(parseResponse(call, await send(call)));
      if (!parsed.success) throw new KubeDecodeError(`the answer to a list of ${resource.plural} is no list`);
      page = parsed.data.metadata;
      for (const raw of parsed.data.items) {
        const object = decode(resource, raw);
        if (options.keep === undefined || options.keep(object)) items.push(options.known?.(object) ?? object);
      }
    } while (page.continue !== undefined && page.continue !== '');
    return { items, resourceVersion: page.resourceVersion };
  }

  async function* watchOnce<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const query = formatQuery({
      ...selectors(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    });
    const request = {
      method: 'GET' as const,
      path: resourcePath(resource, { namespace: options.namespace }) + query,
      headers: headersOf({ accept: accept(resource, 'PartialObjectMetadata') }),
      signal,
      timeoutMs: requestTimeoutMs,
    };
    try {
      const stream = await transport.stream(request, {
        idleTimeoutMs: options.idleTimeoutMs,
        guardMs: options.timeoutSeconds * 1000 + watchGraceMs,
      });
      if ('status' in stream) throw kubeErrorFromResponse(stream.status, stream.text, stream.retryAfter);
      for await (const line of splitLines(stream)) {
        const event = parseWatchLine(line);
        yield event.type === 'BOOKMARK' ? event : { type: event.type, object: decode(resource, event.object) };
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    get: (resource, key, callOptions) =>
      sendFor(resource, {
        method: 'GET',
        path: resourcePath(resource, key),
        accept: accept(resource, 'PartialObjectMetadata'),
        options: callOptions,
      }),

    list: async (resource, listOptions = {}) => {
      for (let tried = 1; ; tried++) {
        try {
          return await listOnce(resource, listOptions);
        } catch (error) {
          // The token of the next page became too old. The server offers to go on with a newer revision, but then
          // the parts would be of different moments, and an object that moved between them could be in neither.
          if (!isGone(error) || tried >= listAttempts) throw error;
        }
      }
    },

    create: async (resource, object, writeOptions = {}) => {
      const call = {
        method: 'POST' as const,
        path: resourcePath(resource, { namespace: writeOptions.namespace ?? object.metadata.namespace }),
        resource: resource.plural,
        query: writeQuery(writeOptions),
        body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
        options: writeOptions,
      };
      const created = parseResponse(call, await send(call));
      return decode(resource, writeOptions.dryRun === true ? withResourceVersion(created) : created);
    },

    patch: (resource, key, patch, writeOptions = {}) =>
      sendFor(resource, {
        method: 'PATCH',
        path: resourcePath(resource, key, writeOptions.subresource),
        query: {
          ...writeQuery(writeOptions),
          force: patch.type === 'apply' && patch.force === true ? 'true' : undefined,
        },
        body: patch.type === 'apply' ? applied(resource, key, patch.body) : patch.body,
        contentType: patchContentType[patch.type],
        options: writeOptions,
      }),

    update: (resource, object, writeOptions = {}) =>
      sendFor(resource, {
        method: 'PUT',
        path: resourcePath(resource, object.metadata, writeOptions.subresource),
        query: writeQuery(writeOptions),
        body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
        options: writeOptions,
      }),

    delete: async (resource, key, deleteOptions = {}) => {
      const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds, dryRun } = deleteOptions;
      await send({
        method: 'DELETE',
        path: resourcePath(resource, key),
        resource: resource.plural,
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          ...((uid ?? resourceVersion) !== undefined && { preconditions: { uid, resourceVersion } }),
          propagationPolicy,
          gracePeriodSeconds,
          ...(dryRun === true && { dryRun: ['All'] }),
        },
        options: deleteOptions,
      });
    },

    watch: (resource, watchOptions, signal) => watchOnce(resource, watchOptions, signal),

    raw: async (method, path, body, callOptions) => {
      const text = await send({ method, path, resource: 'raw', body, options: callOptions });
      return parseJson(text) ?? text;
    },

    contextNamespace: async () => (await credentials.get()).namespace,

    close: () => transport.close(),
  };
}

/** The server wants the name in the body too. */
function applied(resource: Resource<KubeObject>, { namespace, name }: ObjectKey, body: NewObject): NewObject {
  const metadata = { ...body.metadata, name, namespace };
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...body, metadata };
}

/** What was made in a dry run has a uid but was never stored, so that it has no resourceVersion: it gets an empty one. */
function withResourceVersion(created: unknown): unknown {
  const object = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().default('') }) });
  return object.safeParse(created).data ?? created;
}

function selectors({ labelSelector, fieldSelector }: Selection): Record<string, string | undefined> {
  return { labelSelector, fieldSelector };
}

function writeQuery({ dryRun, fieldManager }: WriteOptions): Record<string, string | undefined> {
  return { dryRun: dryRun === true ? 'All' : undefined, fieldManager };
}

function formatQuery(query: Readonly<Record<string, string | undefined>> | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, value);
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
function accept(resource: Resource<KubeObject>, kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string {
  return resource.metadataOnly === true ? `application/json;as=${kind};g=meta.k8s.io;v=v1` : 'application/json';
}

function statusOf(error: unknown): string {
  if (error instanceof KubeError) return String(error.status);
  return error instanceof KubeConnectionError ? error.code : 'aborted';
}
