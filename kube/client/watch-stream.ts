import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { KubeConnectionError, kubeErrorFromStatus, KubeDecodeError } from './errors.ts';

/** An event as it came, its object still unread. */
export type RawWatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: unknown }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

const rawEvent = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED']), object: z.unknown() }),
  z.object({
    type: z.literal('BOOKMARK'),
    object: z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) }),
  }),
  z.object({ type: z.literal('ERROR'), object: z.unknown() }),
]);

/** etcd takes no object of more than a few MiB; a line beyond this is no event, and must not fill the memory. */
const longestLine = 64 * 1024 * 1024;

/**
 * The lines of a stream of UTF-8. What follows the last newline is no line: a connection that broke inside an event
 * did not deliver it.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    lines[0] = rest + (lines[0] ?? '');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw new KubeDecodeError('an event of a watch is too long to be one');
    for (const line of lines) if (line !== '') yield line;
  }
}

/**
 * Reads one line of a watch (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 *
 * @throws KubeError for an ERROR event, most often 410: the resourceVersion is too old
 * @throws KubeDecodeError for anything that is no event
 */
export function parseWatchLine(line: string): RawWatchEvent {
  const parsed = rawEvent.safeParse(parseJson(line));
  if (!parsed.success) throw new KubeDecodeError('a line of a watch is no event');
  const event = parsed.data;
  if (event.type === 'BOOKMARK') return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion };
  if (event.type !== 'ERROR') return event;
  throw (
    kubeErrorFromStatus(event.object) ??
    new KubeConnectionError('the watch ended with an error that is no Status', { code: 'WATCH_ERROR', sent: true })
  );
}
