import { request } from 'node:https';

/** The URL of an API server and the credentials for it, as PEM. */
export interface ApiAccess {
  readonly url: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A response. `body` is not parsed. */
export interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 10_000;

/**
 * Sends one request on a new connection. The server may have been restarted just now, and a connection pool would still have
 * connections to the old process.
 */
export function apiRequest(access: ApiAccess, path: string, post?: object): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const asking = request(
      new URL(path, access.url),
      {
        method: post === undefined ? 'GET' : 'POST',
        headers: { 'content-type': 'application/json' },
        agent: false,
        ca: access.ca,
        cert: access.certificate,
        key: access.key,
        timeout: TIMEOUT_MS,
      },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (body += chunk));
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, body });
        });
        answer.on('error', reject);
      },
    );
    asking.on('timeout', () => asking.destroy(new Error(`${access.url}${path} did not respond in time`)));
    asking.on('error', reject);
    asking.end(post === undefined ? undefined : JSON.stringify(post));
  });
}
