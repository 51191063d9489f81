import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { ClientMetrics } from '../metrics.ts';
import { decode, parseResponse } from './decode.ts';
import { KubeConnectionError, KubeError, kubeErrorFromResponse } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { formatQuery, type Query } from './query.ts';
import type { Resource } from './resource.ts';
import { retryDelayMs, type RetryPolicy } from './retry.ts';
import type { HttpMethod, HttpResponse, Transport } from './transport.ts';

/** Limits of one call: how long it may take and how often it is attempted. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** The timeout of one attempt, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** The maximum number of attempts, including the first; 1 disables retries. */
  readonly attempts?: number | undefined;
  /** The caller knows that the write is idempotent, so it is retried like a read. */
  readonly repeatable?: boolean | undefined;
  /** Called with each warning of the API server or of a webhook in a successful response. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** A request to the API server with its limits. */
export interface ApiCall {
  readonly method: HttpMethod;
  readonly path: string;
  /** The resource label of metrics. */
  readonly resource: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
  readonly options?: CallOptions | undefined;
}

/** Sends calls to the API server and retries them as the retry policy says. */
export interface Requester {
  /** Returns the text of a successful response. */
  send(call: ApiCall): Promise<string>;
  /** Sends a call and parses the response as an object of the resource. */
  sendFor<T extends KubeObject>(resource: Resource<T>, call: Omit<ApiCall, 'resource'>): Promise<T>;
}

export interface RequesterOptions {
  readonly transport: Transport;
  readonly userAgent: string;
  /** The default timeout of one attempt, in milliseconds. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics?: ClientMetrics | undefined;
}

export function createRequester(options: RequesterOptions): Requester {
  const { transport, userAgent, timeoutMs, retry, clock, random, metrics } = options;

  async function attempt(call: ApiCall): Promise<string> {
    let status = '';
    try {
      const response = await transport.request({
        method: call.method,
        path: call.path + formatQuery(call.query ?? {}),
        headers: requestHeaders(userAgent, call),
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal: call.options?.signal,
        timeoutMs: call.options?.timeoutMs ?? timeoutMs,
      });
      status = String(response.status);
      if (response.status >= 400) throw kubeErrorFromResponse(response.status, response.text, response.retryAfter);
      passWarnings(response, call);
      return response.text;
    } catch (error) {
      if (status === '') status = statusOf(error);
      throw error;
    } finally {
      metrics?.request?.({ method: call.method, resource: call.resource, status });
    }
  }

  async function send(call: ApiCall): Promise<string> {
    const { signal, attempts = retry.attempts, repeatable = call.method === 'GET' } = call.options ?? {};
    for (let failures = 0; ; failures++) {
      try {
        return await attempt(call);
      } catch (error) {
        const delayMs = retryDelayMs({ error, attempt: failures, repeatable }, { ...retry, attempts }, random);
        if (delayMs === undefined) throw error;
        await sleep(delayMs, clock, signal);
        signal?.throwIfAborted();
      }
    }
  }

  return {
    send,
    sendFor: async (resource, call) => {
      const text = await send({ ...call, resource: resource.plural });
      return decode(resource, parseResponse(call, text));
    },
  };
}

export function requestHeaders(
  userAgent: string,
  { body, contentType, accept }: Pick<ApiCall, 'body' | 'contentType' | 'accept'>,
): Record<string, string> {
  const headers = { 'User-Agent': userAgent, Accept: accept ?? 'application/json' };
  return body === undefined ? headers : { ...headers, 'Content-Type': contentType ?? 'application/json' };
}

function passWarnings({ warnings }: HttpResponse, { options }: ApiCall): void {
  for (const warning of warnings) options?.onWarning?.(warning);
}

function statusOf(error: unknown): string {
  if (error instanceof KubeError) return String(error.status);
  return error instanceof KubeConnectionError ? error.code : 'aborted';
}
