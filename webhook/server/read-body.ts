import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parseJson } from '../../api/parse-json.ts';
import { createBudget } from './budget.ts';
import { jsonSize } from './json-size.ts';

/**
 * Limits the size of one body. The API server accepts requests of at most 3 MiB, so a review of a create is not larger. A
 * review of an update holds the object twice. Objects in etcd have at most 1.5 MiB (the default of `--max-request-bytes`),
 * so two of them fit.
 */
const MAX_BODY_BYTES = 3 * 2 ** 20;

/** Limits the bytes that are received but not yet parsed, of all connections together. */
const MAX_BUFFERED_BYTES = 12 * 2 ** 20;

/**
 * Limits the JSON values of one body. So many take 30 MB once they are parsed. A pod of 1.5
 * MiB that consists of `managedFields` has half as many, and its update has it twice. An ordinary pod has some hundreds.
 */
const MAX_VALUES = 300_000;

/** Limits the JSON values of all bodies that are parsed and have no response yet. Two of the largest do not fit. */
const MAX_PARSED_VALUES = 400_000;

/** Limits the nesting of a body. Kubernetes' own types have about 20 levels. */
const MAX_DEPTH = 200;

/** Limits the time to receive a body. The API server waits 5 s for the whole review, and then ignores the response. */
const READ_MS = 5_000;
/** Limits how long a body waits until it may be parsed. */
const WAIT_MS = 3_000;

/** The error of a refused body, with the HTTP status and a readable message. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ParsedBody {
  readonly value: unknown;
  /** Frees the space of this body for the next ones. Called when the request has its response. */
  readonly done: () => void;
}

/** Reads JSON bodies. The limits apply to all requests of the process together. */
export interface BodyReader {
  /** @throws BodyRefused if the body is too large, too slow or not JSON, or if too many bodies are in progress */
  read(request: IncomingMessage): Promise<ParsedBody>;
}

export function createBodyReader(): BodyReader {
  const parsing = createBudget(MAX_PARSED_VALUES);
  let buffered = 0;

  /** Returns a whole body. Its chunks are garbage then: a body that waits for the parser exists only once. */
  async function receive(request: IncomingMessage, received: Received, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = [];
    // The stream stays open when this throws, because the refusal is sent on its connection.
    const arriving = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of arriving) {
      // After the time limit nobody gives these bytes back to the shared count.
      if (signal.aborted) break;
      received.bytes += chunk.length;
      buffered += chunk.length;
      chunks.push(chunk);
      if (received.bytes > MAX_BODY_BYTES) throw new BodyRefused(413, 'the body is larger than 3 MiB');
      if (buffered > MAX_BUFFERED_BYTES) throw new BodyRefused(503, 'too many large bodies at once: try again');
    }
    return Buffer.concat(chunks, received.bytes);
  }

  async function receiveInTime(request: IncomingMessage, received: Received): Promise<Buffer> {
    const stop = new AbortController();
    const slow = pause(READ_MS, undefined, { signal: stop.signal }).then(() => {
      throw new BodyRefused(408, 'the body did not arrive within 5 s');
    });
    try {
      return await Promise.race([receive(request, received, stop.signal), slow]);
    } finally {
      slow.catch(() => undefined);
      stop.abort();
    }
  }

  async function parse(body: Buffer): Promise<ParsedBody> {
    const { values, depth } = jsonSize(body);
    if (values > MAX_VALUES || depth > MAX_DEPTH) {
      throw new BodyRefused(413, 'the body has too many values or nests too deep');
    }
    const done = await parsing.take(values, WAIT_MS);
    if (done === undefined) throw new BodyRefused(503, 'too many large bodies at once: try again');
    const value = parseJson(body.toString());
    if (value !== undefined) return { value, done };
    done();
    throw new BodyRefused(400, 'the body is not an AdmissionReview in JSON');
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
      const received: Received = { bytes: 0 };
      try {
        return await parse(await receiveInTime(request, received));
      } finally {
        buffered -= received.bytes;
      }
    },
  };
}

/** Counts the bytes of a body while it arrives. */
interface Received {
  bytes: number;
}
