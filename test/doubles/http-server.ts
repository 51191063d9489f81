import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../time/clock.ts';

/*
 * An HTTP server on loopback that sends scripted responses. It can fail in ways that a test cannot provoke in the real API
 * server. Tests with the real API server are in test/integration.
 */

export interface SeenRequest {
  readonly method: string;
  /** Includes the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type ScriptedResponse = (response: ServerResponse, request: SeenRequest) => void;

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** All requests so far. */
  readonly seen: readonly SeenRequest[];
  /** The number of connections so far. */
  readonly connections: number;
  /** Writes a kubeconfig for this server and returns its path. `user` and `cluster` are as in the file. */
  kubeconfig(options?: { readonly user?: object; readonly cluster?: object; readonly server?: string }): string;
  /** Writes a file beside the kubeconfig and returns its path. */
  file(name: string, content: string): string;
}

/** Starts the server. Each request gets the next answer; the last answer is repeated. */
export async function startTestServer(...answers: ScriptedResponse[]): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, path: url, headers, body });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      answer?.(response, { method, path: url, headers, body });
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'test-server-'));
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  return {
    url,
    seen,
    get connections() {
      return connections;
    },
    file,
    kubeconfig: ({ user = {}, cluster = {}, server: other = url } = {}) =>
      file(
        'kubeconfig',
        stringify({
          clusters: [{ name: 'test', cluster: { server: other, ...cluster } }],
          users: [{ name: 'test', user }],
          contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
          'current-context': 'test',
        }),
      ),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      rmSync(folder, { recursive: true });
    },
  };
}

/** Returns an answer with a JSON body. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): ScriptedResponse {
  return (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

/** Returns an answer with a Status, as the API server refuses a request. */
export function refusal(status: number, reason: string, retryAfter?: number): ScriptedResponse {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
  return json(status, { kind: 'Status', code: status, reason, message: `no: ${reason}` }, headers);
}

/** Breaks the connection after the request was read. */
export const breakOff: ScriptedResponse = (response) => {
  response.destroy();
};

/** Never responds. */
export const stayStill: ScriptedResponse = () => undefined;

/** Returns a real clock that runs `factor` times as fast, for tests that wait whole seconds. */
export function fastClock(factor: number): Clock {
  return {
    now: () => performance.now() * factor,
    date: () => new Date(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms / factor);
      return () => {
        clearTimeout(timer);
      };
    },
  };
}
