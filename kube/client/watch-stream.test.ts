import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGone, KubeDecodeError } from './errors.ts';
import { parseWatchLine, splitLines } from './watch-stream.ts';

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(start, end);
    start = end;
    await Promise.resolve();
  }
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('the lines of a stream', () => {
  test('are the same wherever the network splits the bytes, even inside a character', async () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, cuts) => {
        const bytes = new TextEncoder().encode(lines.map((text) => `${text}\n`).join(''));
        expect(await collect(splitLines(pieces(bytes, cuts)))).toEqual(lines);
      }),
    );
  });

  test('drop text without a newline: the connection broke inside the event', async () => {
    const bytes = new TextEncoder().encode('whole\nbroken');
    expect(await collect(splitLines(pieces(bytes, [])))).toEqual(['whole']);
  });
});

describe('a line of a watch', () => {
  test('is an event with its object', () => {
    const object = { metadata: { name: 'a' } };
    expect(parseWatchLine(JSON.stringify({ type: 'ADDED', object }))).toEqual({ type: 'ADDED', object });
  });

  test('is a bookmark with its resourceVersion', () => {
    const object = { kind: 'Pod', metadata: { resourceVersion: '12', creationTimestamp: null } };
    expect(parseWatchLine(JSON.stringify({ type: 'BOOKMARK', object }))).toEqual({
      type: 'BOOKMARK',
      resourceVersion: '12',
    });
  });

  test('throws the error of an ERROR event', () => {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
    let thrown: unknown;
    try {
      parseWatchLine(JSON.stringify({ type: 'ERROR', object }));
    } catch (error) {
      thrown = error;
    }
    expect(isGone(thrown)).toBe(true);
  });

  test.each(['not json', '{}', '{"type":"SURPRISE","object":{}}', '{"type":"BOOKMARK","object":{"metadata":{}}}'])(
    'is rejected without a quote when it is %s',
    (line) => {
      expect(() => parseWatchLine(line)).toThrow(new KubeDecodeError('A line of a watch is not an event.'));
    },
  );
});
