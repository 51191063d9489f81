import { decode } from './decode.ts';
import { kubeErrorFromResponse } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { acceptHeader, formatQuery, type Selection, selectorQuery } from './query.ts';
import { requestHeaders } from './requester.ts';
import { type Resource, resourcePath } from './resource.ts';
import type { Transport } from './transport.ts';
import { parseWatchLine, splitLines } from './watch-stream.ts';

export interface WatchOptions extends Selection {
  /** Events after this version. Without it, the server first sends every existing object as ADDED. */
  readonly resourceVersion?: string | undefined;
  /** After this time the server ends the watch. */
  readonly timeoutSeconds: number;
  /** A connection without an event or bookmark for this long counts as dead. */
  readonly idleTimeoutMs: number;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** How long the client waits for the server to end a watch that is over. */
const WATCH_GRACE_MS = 10_000;

export interface WatchDeps {
  readonly transport: Transport;
  readonly userAgent: string;
  /** The timeout for the start of the response, in milliseconds. */
  readonly timeoutMs: number;
}

/** Opens one watch and yields its events. Ends without an error when the server ends it or the signal fires. */
export async function* watchOnce<T extends KubeObject>(
  { transport, userAgent, timeoutMs }: WatchDeps,
  resource: Resource<T>,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const query = formatQuery({
    ...selectorQuery(options),
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: options.resourceVersion,
    timeoutSeconds: String(options.timeoutSeconds),
  });
  const request = {
    method: 'GET' as const,
    path: resourcePath(resource, { namespace: options.namespace }) + query,
    headers: requestHeaders(userAgent, { accept: acceptHeader(resource, 'PartialObjectMetadata') }),
    signal,
    timeoutMs,
  };
  try {
    const stream = await transport.stream(request, {
      idleTimeoutMs: options.idleTimeoutMs,
      guardMs: options.timeoutSeconds * 1000 + WATCH_GRACE_MS,
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
