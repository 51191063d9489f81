import { request } from 'node:https';

export interface Scrape {
  readonly port: number;
  /** The bearer token. Without one the request is anonymous. */
  readonly token?: string;
  readonly path?: string;
}

/** Requests the metrics of a process, or another path, like a scraper: without checking its self-signed certificate. */
export async function scrape({ port, token, path = '/metrics' }: Scrape): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const outgoing = request({ host: '127.0.0.1', port, path, headers, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Returns the value of one metric, summed over its labels. Returns 0 if it has no samples. */
export async function readMetric(metric: string, from: Scrape): Promise<number> {
  const { status, text } = await scrape(from);
  if (status !== 200) throw new Error(`the metrics endpoint returned ${String(status)}: ${text}`);
  const samples = text.split('\n').filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
