import type { Logger } from 'pino';
import { parseJson } from '../../api/parse-json.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import type { ClientMetrics } from '../metrics.ts';
import { createCredentialSource, type Impersonation } from './credentials.ts';
import { isNotFound } from './errors.ts';
import { type KubeConfigOptions, loadKubeConfig } from './kubeconfig.ts';
import { type List, listAll, type ListOptions } from './list.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import { acceptHeader } from './query.ts';
import { type CallOptions, createRequester } from './requester.ts';
import { type Resource, resourcePath } from './resource.ts';
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts';
import { createTransport, type HttpMethod } from './transport.ts';
import { type WatchEvent, watchOnce, type WatchOptions } from './watch.ts';
import {
  createObject,
  type CreateOptions,
  deleteObject,
  type DeleteOptions,
  type NewObject,
  type Patch,
  patchObject,
  updateObject,
  type WriteOptions,
} from './write.ts';

/**
 * A client of the Kubernetes API. Every call throws
 * - KubeError when the server refuses the request,
 * - KubeConnectionError when there is no complete response,
 * - KubeDecodeError when the response does not match the schema of the resource,
 * - the reason of the caller's signal when that fired.
 *
 * Reads are retried after every transient failure. Writes are retried only if the server certainly did not execute
 * them (see retry.ts).
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: CallOptions): Promise<T>;
  /**
   * Returns the object, or undefined when the server says that this very object does not exist.
   * Throws the 404 of a kind that the server does not serve: a starting server sends it for every CRD it has not read.
   */
  find<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: CallOptions): Promise<T | undefined>;
  /** Lists all pages of a consistent (quorum) read. Returns the whole list or throws. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions<T>): Promise<List<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: NewObject, options?: CreateOptions): Promise<T>;
  patch<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, patch: Patch, options?: WriteOptions): Promise<T>;
  /**
   * Writes the whole object if its resourceVersion is still current. Fields outside the schema are lost, so use it only
   * for kinds whose schema is complete.
   */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /**
   * Requests the deletion. Returns the object if it remains until its finalizers are removed. An object with a grace period
   * may remain too, but is not returned.
   */
  delete<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions): Promise<T | undefined>;
  /**
   * Opens one watch, which ends without an error when the server ends it or the signal fires. It is not retried:
   * the reflector does that.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** Calls any other path of the API. Returns the parsed JSON, or the text of a response that is not JSON. */
  raw(method: HttpMethod, path: string, body?: unknown, options?: CallOptions): Promise<unknown>;
  /** Returns the namespace of the current context. */
  contextNamespace(): Promise<string | undefined>;
  /** Aborts all running requests and closes all connections. */
  close(): Promise<void>;
}

export interface KubeClientOptions extends KubeConfigOptions {
  readonly userAgent: string;
  /** The timeout of one attempt of a request. Default: 30,000 ms. */
  readonly requestTimeoutMs?: number | undefined;
  /** The maximum number of connections; each running watch uses one. Default: 64. */
  readonly maxConnections?: number | undefined;
  readonly impersonate?: Impersonation | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly logger?: Logger | undefined;
  readonly metrics?: ClientMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** Creates a client. It reads the kubeconfig and connects at the first request. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { userAgent, requestTimeoutMs: timeoutMs = 30_000, maxConnections = 64, metrics } = options;
  const { clock = systemClock, random = Math.random, retry = DEFAULT_RETRY_POLICY } = options;
  const credentials = createCredentialSource({
    load: () => loadKubeConfig(options),
    impersonate: options.impersonate,
    logger: options.logger,
    clock,
  });
  const transport = createTransport({ credentials, maxConnections, clock, metrics });
  const requester = createRequester({ transport, userAgent, timeoutMs, retry, clock, random, metrics });

  // Async, as are the writes below: an invalid key rejects the promise instead of throwing.
  async function get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    callOptions?: CallOptions,
  ): Promise<T> {
    return await requester.sendFor(resource, {
      method: 'GET',
      path: resourcePath(resource, key),
      accept: acceptHeader(resource, 'PartialObjectMetadata'),
      options: callOptions,
    });
  }

  return {
    get,
    find: async (resource, key, callOptions) => {
      try {
        return await get(resource, key, callOptions);
      } catch (error) {
        // A 404 about an object names it. A 404 about a path or an unknown kind does not.
        if (isNotFound(error) && error.details?.name === key.name) return undefined;
        throw error;
      }
    },
    list: (resource, listOptions = {}) => listAll(requester, resource, listOptions),
    create: async (resource, object, writeOptions = {}) => createObject(requester, resource, object, writeOptions),
    patch: async (resource, key, patch, writeOptions = {}) =>
      patchObject(requester, resource, key, patch, writeOptions),
    update: async (resource, object, writeOptions = {}) => updateObject(requester, resource, object, writeOptions),
    delete: (resource, key, deleteOptions = {}) => deleteObject(requester, resource, key, deleteOptions),
    watch: (resource, watchOptions, signal) =>
      watchOnce({ transport, userAgent, timeoutMs }, resource, watchOptions, signal),
    raw: async (method, path, body, callOptions) => {
      const text = await requester.send({ method, path, resource: 'raw', body, options: callOptions });
      return parseJson(text) ?? text;
    },
    contextNamespace: async () => (await credentials.get()).namespace,
    close: () => transport.close(),
  };
}
