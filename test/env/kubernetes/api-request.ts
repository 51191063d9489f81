import { request } from 'node:https';

/** Where an API server is and who asks. All PEM. */
export interface ApiAccess {
  readonly url: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** What came back; `body` is not parsed. */
export interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 10_000;

/**
 * One request on a connection of its own. The test environment asks servers that were just started or just killed, and a pool
 * would keep connections to the one before.
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
    asking.on('timeout', () => asking.destroy(new Error(`${access.url}${path} did not answer in time`)));
    asking.on('error', reject);
    asking.end(post === undefined ? undefined : JSON.stringify(post));
  });
}
