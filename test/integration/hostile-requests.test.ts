import { request } from 'node:https';
import { describe, expect, test } from 'vitest';
import type { Program } from '../env/installation.ts';
import { installedEnvOfThisFile } from './installed-env.ts';
import { attackEveryPort, holdOpen, isUp, portsOf, sendRaw } from './odd-requests.ts';

/*
 * `GET //` to the health port or to the read API once ended the process, without a certificate or a token: the listener
 * parsed the URL, and Node ends the process when a listener throws.
 */

/** V8's heap limit in a container with the chart's limit of 512 MiB is half of that. These processes have no such limit. */
const installed = installedEnvOfThisFile({ nodeArgs: ['--max-old-space-size=256'] });

/** Returns a body that is 25 times as large in memory as on the wire. */
const EMPTY_OBJECTS = `{"a":[${'{},'.repeat(1_000_000)}{}]}`;
const NESTED_ARRAYS = '['.repeat(1_500_000) + ']'.repeat(1_500_000);

/** Its size is within the limit of one body. */
const MANY_VALUES = `{"a":[${'{},'.repeat(145_000)}{}]}`;
const LONG_TEXT = JSON.stringify({ a: 'x'.repeat(3_000_000) });

/** The start of a request whose body is not sent whole. */
const SLOW_BODY =
  'POST /admit/workloads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n';

function theWebhook(): Program {
  const [webhook] = installed().installation.webhooks;
  if (webhook === undefined) throw new Error('there is no webhook');
  return webhook;
}

function post(port: number, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: '127.0.0.1', port, path: '/admit/workloads', method: 'POST', rejectUnauthorized: false },
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      },
      (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('a client that can reach a port', () => {
  test('cannot crash a process with the request line that once did', async () => {
    for (const { program, ...port } of portsOf(installed().installation)) {
      await sendRaw(port, 'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(await isUp(program)).toBe(true);
    }
  });

  test('cannot crash a process with 1,000 malformed requests to each port', async () => {
    await attackEveryPort(installed().installation, 1_000);
  }, 120_000);

  test.each([
    ['that grow when they are parsed', [EMPTY_OBJECTS, NESTED_ARRAYS], 413],
    ['that have as many values as are allowed', [MANY_VALUES], 400],
    ['that are as long as is allowed', [LONG_TEXT], 400],
  ])('cannot fill the memory of the webhook with bodies %s', async (_, kinds, status) => {
    const webhook = theWebhook();
    const resident = () => webhook.metric('process_resident_memory_bytes');
    let highest = 0;
    const watching = setInterval(() => {
      // A busy machine resets some of these requests. The last one below must succeed.
      void resident().then(
        (bytes) => (highest = Math.max(highest, bytes)),
        () => undefined,
      );
    }, 100);
    const bodies = Array.from({ length: 24 }, (_, index) => kinds[index % kinds.length] ?? '');
    const statuses = await Promise.all(bodies.map((body) => post(webhook.port, body)));
    clearInterval(watching);
    highest = Math.max(highest, await resident());
    // 503: too many at once. 408: a busy machine does not deliver all of them within 5 s.
    expect(statuses.filter((each) => ![status, 503, 408].includes(each))).toEqual([]);
    expect(statuses).toContain(status);
    // Three bodies of 7 MB once took 931 MB, and 24 of 3 MB took 483 before the limit on V8's space for new objects.
    expect(highest / 2 ** 20).toBeLessThan(350);
  });

  test.each([
    ['that send nothing', false, ''],
    ['whose headers never end', true, 'POST /admit/workloads HTTP/1.1\r\nHost: x\r\nX-A: '],
    ['whose bodies never end', true, `${SLOW_BODY}{`],
  ])('cannot stop others with 500 connections %s', async (_, tls, bytes) => {
    const webhook = theWebhook();
    const close = await holdOpen({ port: webhook.port, tls }, bytes, 500);
    const started = performance.now();
    expect(await post(webhook.port, '{}')).toBe(400);
    expect(await isUp(webhook)).toBe(true);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await webhook.metric('process_resident_memory_bytes')).toBeLessThan(350 * 2 ** 20);
    close();
  });

  test('gets an answer within seconds for a body that never ends', async () => {
    const webhook = theWebhook();
    const answer = await sendRaw({ port: webhook.port, tls: true }, `${SLOW_BODY}{`, 8_000);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });
});
