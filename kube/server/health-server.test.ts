import { describe, expect, onTestFinished, test } from 'vitest';
import { type HealthServerOptions, startHealthServer } from './health-server.ts';

async function request(
  path: string,
  options: Partial<HealthServerOptions> = {},
): Promise<{ status: number; text: string }> {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    notReady: () => [],
    logger: { error: () => undefined },
    ...options,
  });
  onTestFinished(() => server.close());
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, text: await response.text() };
}

describe('the health server', () => {
  test('reports whether the process is live and ready, and what it waits for', async () => {
    expect(await request('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await request('/healthz', { notReady: () => ['the ledger'] })).toEqual({ status: 200, text: 'ok\n' });
    expect(await request('/readyz?verbose')).toEqual({ status: 200, text: 'ok\n' });
    expect(await request('/readyz', { notReady: () => ['certificates', 'the ledger'] })).toEqual({
      status: 503,
      text: 'waiting for certificates, the ledger\n',
    });
  });

  test('responds to request targets that are not a path and continues', async () => {
    expect((await request('//')).status).toBe(404);
    expect((await request('//:99999')).status).toBe(404);
  });

  test('serves nothing else', async () => {
    expect((await request('/')).status).toBe(404);
    expect((await request('/metrics')).status).toBe(404);
  });

  test('reports a port that is in use', async () => {
    const options = {
      host: '127.0.0.1',
      notReady: () => [],
      logger: { error: () => undefined },
    };
    const first = await startHealthServer({ ...options, port: 0 });
    onTestFinished(() => first.close());
    await expect(startHealthServer({ ...options, port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
