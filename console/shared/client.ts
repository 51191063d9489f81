import { sessionHeaders } from './session.ts';

/** A call that failed. `status` 0: the server of the console does not answer. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Whether the same call may succeed later without a change by the user. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface NamedFile {
  readonly name: string;
  readonly content: Blob;
}

/** Calls the server of the console. Every method throws a CallError, or an AbortError after the signal. */
export interface Client {
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  bytes(path: string, query: Query, signal?: AbortSignal): Promise<Uint8Array>;
  /** Reads a file with the name that the server gives it. */
  file(path: string, query: Query): Promise<NamedFile>;
  post<T>(path: string, body: unknown): Promise<T>;
}

/** `onResult` is called after each call: with its failure, or with `undefined`. */
export function createClient(onResult: (failure: CallError | undefined) => void): Client {
  async function call(path: string, init: Request): Promise<Response> {
    try {
      const response = await send(path, init);
      onResult(undefined);
      return response;
    } catch (error) {
      if (error instanceof CallError) onResult(error);
      throw error;
    }
  }
  return {
    get: async <T>(path: string, query: Query = {}, signal?: AbortSignal) => {
      const response = await call(urlOf(path, query), { signal: signal ?? null });
      return (await response.json()) as T;
    },
    bytes: async (path, query, signal) => {
      const response = await call(urlOf(path, query), { signal: signal ?? null });
      return new Uint8Array(await response.arrayBuffer());
    },
    file: async (path, query) => {
      const response = await call(urlOf(path, query), {});
      const [, name = 'download'] = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '') ?? [];
      return { name, content: await response.blob() };
    },
    post: async <T>(path: string, body: unknown) => {
      const headers = { 'Content-Type': 'application/json' };
      const response = await call(path, { method: 'POST', headers, body: JSON.stringify(body) });
      return (await response.json()) as T;
    },
  };
}

/** Returns a path with its query. Parameters without a value are left out. */
function urlOf(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

type Request = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };

async function send(path: string, init: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...init.headers, ...sessionHeaders() } });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new CallError(0, 'The program that serves this page does not answer. If it has ended, start it again.');
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as { readonly message?: string };
  throw new CallError(response.status, body.message ?? `The call failed (${String(response.status)}).`);
}
