import { describe, expect, it, onTestFinished } from 'vitest';
import { startClient, startEcho } from '../../doubles/echo-server.ts';
import { eventually } from '../run/eventually.ts';
import { startServiceForwarder } from './service-forwarder.ts';
import { connect, type Endpoint } from './sockets.ts';

/** A loopback address outside of the Service ranges of control planes. */
const clusterIp = '127.63.7.8';

async function makeForwarder(targets: readonly Endpoint[]) {
  const forwarder = await startServiceForwarder({ clusterIp, port: 0, targets });
  onTestFinished(() => forwarder.close());
  return forwarder;
}

/** Returns the first data that a new connection receives. */
async function ask(endpoint: Endpoint): Promise<string> {
  const client = await startClient(endpoint);
  client.say('?');
  return eventually(
    () => {
      if (client.heard === '') throw new Error('no answer yet');
      client.socket.destroy();
      return client.heard;
    },
    { every: 5, within: 2_000 },
  );
}

describe('a Service forwarder', () => {
  it('forwards each new connection to the next target', async () => {
    const forwarder = await makeForwarder([await startEcho('a'), await startEcho('b')]);
    const answers = [await ask(forwarder), await ask(forwarder), await ask(forwarder)];
    expect(answers).toEqual(['a?', 'b?', 'a?']);
  });

  it('skips a target that does not accept connections', async () => {
    const dead = await startEcho('dead');
    await dead.close();
    const forwarder = await makeForwarder([dead, await startEcho('b')]);
    expect([await ask(forwarder), await ask(forwarder)]).toEqual(['b?', 'b?']);
  });

  it('uses added targets and stops using removed ones', async () => {
    const [a, b] = [await startEcho('a'), await startEcho('b')];
    const forwarder = await makeForwarder([a]);
    expect(await ask(forwarder)).toBe('a?');
    forwarder.add(b);
    forwarder.remove({ host: a.host, port: a.port });
    expect(forwarder.targets).toEqual([b]);
    expect(await ask(forwarder)).toBe('b?');
  });

  it('resets a connection that no target accepts', async () => {
    const forwarder = await makeForwarder([]);
    const client = await startClient(forwarder);
    await client.ended;
  });

  it('stops listening and ends its connections when it is closed', async () => {
    const forwarder = await makeForwarder([await startEcho('a')]);
    const client = await startClient(forwarder);
    await forwarder.close();
    await client.ended;
    await expect(connect(forwarder)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('reports where it cannot listen, and what to do', async () => {
    const { port } = await makeForwarder([]);
    await expect(startServiceForwarder({ clusterIp, port, targets: [] })).rejects.toThrow(
      `Cannot listen on ${clusterIp}:${port}`,
    );
  });
});
