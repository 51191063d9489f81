import { request } from 'node:https';

export interface Scrape {
  readonly port: number;
  /** Without one nothing is sent that says who asks. */
  readonly token?: string;
  readonly path?: string;
}

/** Asks a process for its metrics, or for another path, as a scraper does: its certificate is its own affair. */
export async function scrape({ port, token, path = '/metrics' }: Scrape): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const asked = request({ host: '127.0.0.1', port, path, headers, rejectUnauthorized: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The value of one sample, summed over its labels; 0 where there is none. */
export async function readMetric(metric: string, from: Scrape): Promise<number> {
  const { status, text } = await scrape(from);
  if (status !== 200) throw new Error(`the metrics answered ${String(status)}: ${text}`);
  const samples = text.split('\n').filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
