import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createBudget } from './budget.ts';
import { jsonSize } from './json-size.ts';

/**
 * The API server takes requests of 3 MiB at most, so a review of a create is not larger. One of an update holds the object
 * twice; objects in etcd are 1.5 MiB at most (its default, `--max-request-bytes`), so two of them fit too.
 */
const MAX_BODY_BYTES = 3 * 2 ** 20;

/** Bodies that are received but not yet parsed, of all connections together. */
const MAX_BUFFERED_BYTES = 12 * 2 ** 20;

/**
 * Values of one body: 30 MB once they are parsed. A pod of 1.5 MiB that consists of `managedFields` has half as many, twice
 * in an update. Ordinary pods have some hundreds.
 */
const MAX_VALUES = 300_000;

/** Values of all bodies that are parsed and not yet answered. Two of the largest do not fit together. */
const MAX_PARSED_VALUES = 400_000;

/** Kubernetes' own types nest about 20 levels deep. */
const MAX_DEPTH = 200;

/** The API server waits 5 s for the whole review; a body that is slower has nobody left to read its answer. */
const READ_MS = 5_000;
const WAIT_MS = 3_000;

/** What a body was refused with: an HTTP status and the reason for a person. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ParsedBody {
  readonly value: unknown;
  /** Call when the request has its answer: the next large body may be parsed then. */
  readonly done: () => void;
}

/** Reads bodies of JSON within bounds that hold for all requests of a process together. */
export interface BodyReader {
  /** @throws BodyRefused when the body is too large, too slow, no JSON, or one too many at this moment */
  read(request: IncomingMessage): Promise<ParsedBody>;
}

export function createBodyReader(): BodyReader {
  const parsing = createBudget(MAX_PARSED_VALUES);
  let buffered = 0;

  async function receive(request: IncomingMessage, chunks: Buffer[]): Promise<void> {
    let length = 0;
    // The stream is kept when this throws: its connection still has to carry the refusal.
    const arriving = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of arriving) {
      length += chunk.length;
      buffered += chunk.length;
      chunks.push(chunk);
      if (length > MAX_BODY_BYTES) throw new BodyRefused(413, 'the body is larger than 3 MiB');
      if (buffered > MAX_BUFFERED_BYTES) throw new BodyRefused(503, 'too many large bodies at once: try again');
    }
  }

  async function receiveInTime(request: IncomingMessage, chunks: Buffer[]): Promise<void> {
    const stop = new AbortController();
    const slow = pause(READ_MS, undefined, { signal: stop.signal }).then(() => {
      throw new BodyRefused(408, 'the body did not arrive within 5 s');
    });
    try {
      await Promise.race([receive(request, chunks), slow]);
    } finally {
      slow.catch(() => undefined);
      stop.abort();
    }
  }

  return {
    read: async (request) => {
      if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
        throw new BodyRefused(400, 'the body is not an AdmissionReview in JSON');
      }
      if (request.headers['content-encoding'] !== undefined) throw new BodyRefused(415, 'the body must not be encoded');
      if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
        throw new BodyRefused(413, 'the body is larger than 3 MiB');
      }
      const chunks: Buffer[] = [];
      try {
        await receiveInTime(request, chunks);
        const body = Buffer.concat(chunks);
        const { values, depth } = jsonSize(body);
        if (values > MAX_VALUES || depth > MAX_DEPTH) {
          throw new BodyRefused(413, 'the body has too many values or nests too deep');
        }
        const done = await parsing.take(values, WAIT_MS);
        if (done === undefined) throw new BodyRefused(503, 'too many large bodies at once: try again');
        try {
          return { value: JSON.parse(body.toString()) as unknown, done };
        } catch {
          done();
          throw new BodyRefused(400, 'the body is not an AdmissionReview in JSON');
        }
      } finally {
        for (const chunk of chunks) buffered -= chunk.length;
      }
    },
  };
}
