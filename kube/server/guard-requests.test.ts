import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { guardRequests, parseRequestTarget, type RequestHandler } from './guard-requests.ts';
import { listen } from './listen.ts';

async function serve(handle: RequestHandler): Promise<{ url: string; logged: unknown[] }> {
  const logged: unknown[] = [];
  const server = createServer(guardRequests(handle, { error: (fields: unknown) => logged.push(fields) }));
  const listening = await listen(server, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => listening.close());
  return { url: `http://127.0.0.1:${listening.port}/secret`, logged };
}

describe('a guarded listener', () => {
  test.each<[string, RequestHandler]>([
    [
      'throws',
      () => {
        throw new Error('password hunter2');
      },
    ],
    ['rejects', () => Promise.reject(new Error('password hunter2'))],
  ])('responds with 500 when its handler %s, logs the error and continues', async (_, handle) => {
    const { url, logged } = await serve(handle);
    for (let time = 1; time <= 2; time++) {
      const response = await fetch(url);
      expect({ status: response.status, text: await response.text() }).toEqual({
        status: 500,
        text: 'internal error\n',
      });
      expect(logged).toHaveLength(time);
    }
  });

  test('closes the connection when a response fails half way', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'Content-Length': '100' }).write('half');
      throw new Error('broken');
    });
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow();
  });
});

describe('the target of a request line', () => {
  test('is a path and a query', () => {
    expect(parseRequestTarget('/readyz?verbose')).toMatchObject({ pathname: '/readyz', search: '?verbose' });
  });

  test.each(['//', '//x', '///', '/\\', '//:99999', '/%zz', '/..', '//[', '/?//'])('reads %s as a path', (target) => {
    expect(parseRequestTarget(target)?.host).toBe('localhost');
  });

  test.each([undefined, '', '*', 'http://elsewhere/', 'localhost:443', '?', '\\'])('refuses %s', (target) => {
    expect(parseRequestTarget(target)).toBeUndefined();
  });
});
