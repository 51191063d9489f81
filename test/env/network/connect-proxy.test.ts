import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEcho } from '../../doubles/echo-server.ts';
import { tempFolder } from '../run/temp-folder.ts';
import { connectThrough, type Dial, startConnectProxy } from './connect-proxy.ts';
import { connect } from './sockets.ts';

async function makeProxy(dial: Dial = connect) {
  const proxy = await startConnectProxy(path.join(await tempFolder(), 'proxy.sock'), dial);
  onTestFinished(() => proxy.close());
  return proxy.socketPath;
}

describe('a CONNECT proxy on a Unix socket', () => {
  it('connects to the wanted endpoint, and passes data and the end in both directions', async () => {
    const echo = await startEcho('echo: ');
    const socket = await connectThrough(await makeProxy(), echo);
    socket.end('hello');
    expect(await text(socket)).toBe('echo: hello');
  });

  it('can be chained, and loses nothing of a large transfer', async () => {
    const echo = await startEcho();
    const inner = await makeProxy();
    const outer = await makeProxy((target) => connectThrough(inner, target));
    const socket = await connectThrough(outer, echo);
    const sent = 'x'.repeat(3_000_000);
    socket.end(sent);
    expect((await text(socket)).length).toBe(sent.length);
  });

  it('reports that nothing listens there', async () => {
    const echo = await startEcho();
    await echo.close();
    await expect(connectThrough(await makeProxy(), echo)).rejects.toThrow(/ECONNREFUSED/);
  });
});
