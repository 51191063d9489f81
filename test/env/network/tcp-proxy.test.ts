import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startClient, startEcho } from '../../doubles/echo-server.ts';
import { eventually } from '../run/eventually.ts';
import { connect } from './sockets.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/** Waits long enough for data to pass on loopback. */
const shortly = () => sleep(50);

async function makeProxy() {
  const echo = await startEcho();
  const proxy = await startTcpProxy(echo);
  onTestFinished(() => proxy.close());
  return { echo, proxy };
}

/** Waits until the client has received exactly this. */
async function hears(client: { readonly heard: string }, want: string): Promise<void> {
  await eventually(
    () => {
      expect(client.heard).toBe(want);
    },
    { every: 5, within: 2_000 },
  );
}

describe('a TCP proxy', () => {
  it('passes all data and the end of a connection in both directions', async () => {
    const { proxy } = await makeProxy();
    const client = await startClient(proxy);
    client.say('hello');
    await hears(client, 'hello');
    expect(proxy.connections).toBe(1);
    client.socket.end();
    await client.ended;
    await eventually(() => {
      expect(proxy.connections).toBe(0);
    });
  });

  it('passes more data than its buffers hold, unchanged', async () => {
    const { proxy } = await makeProxy();
    const client = await startClient(proxy);
    const text = 'abcdefghij'.repeat(500_000);
    client.say(text);
    await eventually(() => {
      expect(client.heard.length).toBe(text.length);
    });
    expect(client.heard === text).toBe(true);
  });

  it('resets the client when the server resets the connection or does not listen', async () => {
    const { echo, proxy } = await makeProxy();
    const client = await startClient(proxy);
    client.say('x');
    await hears(client, 'x');
    echo.breakAll();
    await client.ended;
    await echo.close();
    const late = await startClient(proxy);
    await late.ended;
  });

  it('delays each direction, keeps the order, and does not add up the delays of chunks', async () => {
    const { proxy } = await makeProxy();
    const client = await startClient(proxy);
    proxy.delay(60);
    const began = performance.now();
    for (const piece of 'abcdefghijklmnopqrst') {
      client.say(piece);
      await sleep(5);
    }
    await hears(client, 'abcdefghijklmnopqrst');
    const took = performance.now() - began;
    expect(took).toBeGreaterThanOrEqual(118);
    expect(took).toBeLessThan(1_500);
  });

  it('resets all connections and refuses new ones from cut() to heal()', async () => {
    const { proxy } = await makeProxy();
    const client = await startClient(proxy);
    await proxy.cut();
    await client.ended;
    await expect(connect(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.heal();
    const next = await startClient(proxy);
    next.say('again');
    await hears(next, 'again');
  });

  it('keeps connections but passes nothing while frozen, and passes everything when healed', async () => {
    const { echo, proxy } = await makeProxy();
    const before = await startClient(proxy);
    before.say('1');
    await hears(before, '1');
    proxy.freeze();
    const during = await startClient(proxy);
    before.say('2');
    during.say('3');
    await shortly();
    expect(echo.received).toEqual(['1']);
    expect(proxy.connections).toBe(2);
    await proxy.heal();
    await hears(before, '12');
    await hears(during, '3');
  });

  it('holds back responses that are in transit when it freezes', async () => {
    const { echo, proxy } = await makeProxy();
    const client = await startClient(proxy);
    proxy.delay(100);
    client.say('1');
    await eventually(
      () => {
        expect(echo.received).toEqual(['1']);
      },
      { every: 1 },
    );
    await sleep(30);
    proxy.freeze();
    await sleep(150);
    expect(client.heard).toBe('');
    await proxy.heal();
    await hears(client, '1');
  });

  it('passes requests and drops the responses, on old and new connections', async () => {
    const { echo, proxy } = await makeProxy();
    const before = await startClient(proxy);
    proxy.dropAnswers();
    const during = await startClient(proxy);
    before.say('old');
    during.say('new');
    await eventually(() => {
      expect(echo.received.toSorted()).toEqual(['new', 'old']);
    });
    await shortly();
    expect([before.heard, during.heard]).toEqual(['', '']);
  });

  it('resets only the connections that lost responses when it is healed', async () => {
    const { proxy } = await makeProxy();
    const victim = await startClient(proxy);
    const bystander = await startClient(proxy);
    proxy.dropAnswers({ when: (request) => request.includes('COMMIT') });
    bystander.say('SELECT');
    victim.say('COMMIT');
    await hears(bystander, 'SELECT');
    await shortly();
    expect(victim.heard).toBe('');
    await proxy.heal();
    await victim.ended;
    bystander.say('!');
    await hears(bystander, 'SELECT!');
  });

  it('can pass the first bytes of the responses', async () => {
    const { proxy } = await makeProxy();
    const client = await startClient(proxy);
    proxy.dropAnswers({ afterBytes: 4 });
    client.say('123456');
    await hears(client, '1234');
    client.say('789');
    await shortly();
    expect(client.heard).toBe('1234');
  });

  it('hides the end of a connection whose responses are dropped', async () => {
    const { echo, proxy } = await makeProxy();
    const client = await startClient(proxy);
    client.say('x');
    await hears(client, 'x');
    proxy.dropAnswers();
    echo.breakAll();
    await shortly();
    expect(client.socket.readyState).toBe('open');
    expect(proxy.connections).toBe(1);
  });

  it('closes in any state', async () => {
    const { echo, proxy } = await makeProxy();
    const client = await startClient(proxy);
    proxy.freeze();
    client.say('x');
    await shortly();
    await proxy.close();
    await client.ended;
    expect(echo.received).toEqual([]);
  });
});
