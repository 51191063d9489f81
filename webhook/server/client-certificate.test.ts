import { Agent, request } from 'node:https';
import { pino } from 'pino';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeCa, makeServingCertificate } from '../../kube/server/certificates.ts';
import { listen } from '../../kube/server/listen.ts';
import { type Ca, createCa, type KeyPair } from '../../test/env/kubernetes/certificates.ts';
import { createWebhookMetrics } from '../metrics.ts';
import { createWebhookServer, type WebhookServer } from './server.ts';

const REVIEW = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    userInfo: {},
    object: {},
  },
});

let ours: Ca;
let other: Ca;
let apiServer: KeyPair;
beforeAll(async () => {
  [ours, other] = await Promise.all([createCa('callers'), createCa('strangers')]);
  apiServer = await ours.issue({ commonName: 'kube-apiserver' });
});

let handled = 0;
const running: WebhookServer[] = [];
afterEach(async () => {
  handled = 0;
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start(names: readonly string[] = []): Promise<{ server: WebhookServer; port: number }> {
  const servingPair = await makeServingCertificate(await makeCa(Date.now(), 3_600_000), ['w'], Date.now(), 3_600_000);
  const admit = () => {
    handled++;
    return Promise.resolve({ allowed: true } as const);
  };
  const server = createWebhookServer(
    {
      entries: { '/admit': admit },
      logger: pino({ enabled: false }),
      metrics: createWebhookMetrics(),
      draining: () => false,
    },
    servingPair,
    { ca: ours.certificate, names },
  );
  running.push(server);
  return { server, port: (await listen(server.https, { host: '127.0.0.1', port: 0 })).port };
}

/** Sends a review on a new connection. Returns the status of the response. */
function post(port: number, certificate?: KeyPair, body = REVIEW): Promise<number | undefined> {
  const client = certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key };
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const address = { host: '127.0.0.1', port, path: '/admit', method: 'POST', rejectUnauthorized: false, headers };
    const sent = request({ ...address, ...client, agent: new Agent() }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode);
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('a webhook that demands a client certificate', () => {
  test('handles the reviews of a caller with a certificate of the CA', async () => {
    const { port } = await start();
    expect(await post(port, apiServer)).toBe(200);
    expect(handled).toBe(1);
  });

  test('refuses a caller without a certificate, without reading the body', async () => {
    const { port } = await start();
    expect(await post(port)).toBe(401);
    expect(await post(port, undefined, 'not a review')).toBe(401);
    expect(handled).toBe(0);
  });

  test('refuses a certificate of another CA', async () => {
    const { port } = await start();
    expect(await post(port, await other.issue({ commonName: 'kube-apiserver' }))).toBe(401);
    expect(handled).toBe(0);
  });

  test('refuses a serving certificate of the CA, which is not for clients', async () => {
    const { port } = await start();
    const serving = await ours.issue({ commonName: 'kube-apiserver', serverNames: ['kube-apiserver'] });
    expect(await post(port, serving)).toBe(401);
    expect(handled).toBe(0);
  });

  test('refuses a certificate of the CA with another name, if names are given', async () => {
    const { port } = await start(['front-proxy-client', 'kube-apiserver']);
    expect(await post(port, apiServer)).toBe(200);
    expect(await post(port, await ours.issue({ commonName: 'ann' }))).toBe(401);
    expect(handled).toBe(1);
  });

  test('trusts a new CA from the next connection on, and the old one no longer', async () => {
    const { server, port } = await start();
    const renewed = await other.issue({ commonName: 'kube-apiserver' });
    expect(await post(port, apiServer)).toBe(200);
    server.trust(other.certificate);
    expect([await post(port, renewed), await post(port, apiServer)]).toEqual([200, 401]);
  });

  test('still demands it after its own certificate was renewed', async () => {
    const { server, port } = await start();
    server.serveWith(await makeServingCertificate(await makeCa(Date.now(), 3_600_000), ['w'], Date.now(), 3_600_000));
    expect([await post(port, apiServer), await post(port)]).toEqual([200, 401]);
  });
});
