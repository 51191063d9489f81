import { describe, expect, onTestFinished, test } from 'vitest';
import { startHealthServer, type HealthServerOptions } from './health-server.ts';

async function ask(
  path: string,
  options: Partial<HealthServerOptions> = {},
): Promise<{ status: number; text: string }> {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    live: () => true,
    notReady: () => [],
    logger: { error: () => undefined },
    ...options,
  });
  onTestFinished(() => server.close());
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: answer.status, text: await answer.text() };
}

describe('the health server', () => {
  test('reports whether the process is live and ready, and what it waits for', async () => {
    expect(await ask('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await ask('/healthz', { live: () => false })).toEqual({ status: 503, text: 'not live\n' });
    expect(await ask('/readyz?verbose')).toEqual({ status: 200, text: 'ok\n' });
    expect(await ask('/readyz', { notReady: () => ['certificates', 'the ledger'] })).toEqual({
      status: 503,
      text: 'waiting for certificates, the ledger\n',
    });
  });

  test('responds to request targets that are not a path and continues', async () => {
    expect((await ask('//')).status).toBe(404);
    expect((await ask('//:99999')).status).toBe(404);
  });

  test('serves nothing else', async () => {
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/metrics')).status).toBe(404);
  });

  test('reports a port that is in use', async () => {
    const options = {
      host: '127.0.0.1',
      live: () => true,
      notReady: () => [],
      logger: { error: () => undefined },
    };
    const first = await startHealthServer({ ...options, port: 0 });
    onTestFinished(() => first.close());
    await expect(startHealthServer({ ...options, port: first.port })).rejects.toThrow('EADDRINUSE');
  });
});
