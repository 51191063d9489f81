import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EnvHttpProxyAgent, fetch, type Response } from 'undici';

/** Downloads over HTTP(S), also through the proxy of the environment variables. */
export interface Downloader {
  /** Returns a small text, such as a checksum. */
  text(url: string): Promise<string>;
  /** Saves `url` as `file`. The file appears only if its SHA-256 is the expected one. */
  file(url: string, file: string, sha256: string, onBytes?: (received: number) => void): Promise<void>;
  close(): Promise<void>;
}

export interface DownloaderOptions {
  /** How long to wait for a connection or the first response. Restricted networks often drop packets. */
  readonly connectWithinMs: number;
}

/** How long a server may send nothing before the download fails. */
const silenceMs = 30_000;

/** Creates a downloader. All its errors name the URL. */
export function openDownloader({ connectWithinMs }: DownloaderOptions): Downloader {
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: connectWithinMs },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  });
  const get = async (url: string): Promise<Response> => {
    const answer = await fetch(url, { dispatcher, redirect: 'follow' });
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new Error(`the server returned ${answer.status}`);
    }
    return answer;
  };
  return {
    text: (url) => naming(url, async () => (await get(url)).text()),
    file: (url, file, sha256, onBytes) => naming(url, async () => saveVerified(await get(url), file, sha256, onBytes)),
    close: () => dispatcher.destroy(),
  };
}

async function saveVerified(
  answer: Response,
  file: string,
  sha256: string,
  onBytes: (received: number) => void = () => undefined,
): Promise<void> {
  if (answer.body === null) throw new Error('the server sent no body');
  const partial = `${file}.partial`;
  const hash = createHash('sha256');
  let received = 0;
  const observe = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      received += chunk.length;
      onBytes(received);
      yield chunk;
    }
  };
  try {
    await pipeline(Readable.fromWeb(answer.body), observe, createWriteStream(partial));
    const actual = hash.digest('hex');
    if (actual !== sha256) throw new Error(`its SHA-256 is ${actual}, but ${sha256} was published`);
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}

async function naming<T>(url: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${url}: ${reason(error)}`, { cause: error });
  }
}

/** The message of fetch is only "fetch failed"; its cause has the reason. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
