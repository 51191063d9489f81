import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { KubeConnectionError, KubeDecodeError, kubeErrorFromStatus } from './errors.ts';

/** A watch event whose object is not parsed yet. */
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

/** Limits the memory for one line. etcd stores only objects of a few MiB, so a longer line is not an event. */
const MAX_LINE_CHARACTERS = 64 * 1024 * 1024;

/**
 * Yields the lines of a UTF-8 stream. Text after the last newline is dropped: it is an event that the connection did not
 * deliver completely.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    lines[0] = rest + (lines[0] ?? '');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARACTERS) throw new KubeDecodeError('A line of a watch is too long for an event.');
    for (const line of lines) if (line !== '') yield line;
  }
}

/**
 * Parses one line of a watch (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 *
 * @throws KubeError for an ERROR event, usually 410: the resourceVersion is too old
 * @throws KubeDecodeError for a line that is not an event
 */
export function parseWatchLine(line: string): RawWatchEvent {
  const parsed = rawEvent.safeParse(parseJson(line));
  if (!parsed.success) throw new KubeDecodeError('A line of a watch is not an event.');
  const event = parsed.data;
  if (event.type === 'BOOKMARK') return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion };
  if (event.type !== 'ERROR') return event;
  throw (
    kubeErrorFromStatus(event.object) ??
    new KubeConnectionError('the watch ended with an error that is not a Status', { code: 'WATCH_ERROR', sent: true })
  );
}
