import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { SYSTEM_NAMESPACE, WEBHOOK_CONFIGURATION, WEBHOOK_SECRET, WEBHOOK_SERVICE } from '../../api/names.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { isSignedBy, splitBundle } from '../../kube/server/certificates.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';
import { startPodLoad } from './pod-load.ts';

/*
 * A whole rotation by two replicas: they add a new CA to the bundle, issue a new serving certificate and drop the old CA. The
 * test waits for the steps of seconds, and changes a date in the Secret to skip the waits of weeks.
 */

const installed = installedEnvOfThisFile({ webhooks: 2 });
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

let client: KubeClient;
beforeAll(() => {
  const { kubeconfig } = installed().plane;
  client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
});
afterAll(() => client.close());

const configuration = z.object({
  webhooks: z.array(z.object({ clientConfig: z.object({ caBundle: z.string() }) })),
});

/** Returns the CAs that the API server trusts. Throws if the webhook entries differ. */
async function trusted(): Promise<readonly string[]> {
  const { kubectl } = installed().plane;
  const kinds = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'];
  const texts = await Promise.all(kinds.map((kind) => kubectl(['get', kind, WEBHOOK_CONFIGURATION, '-o', 'json'])));
  const bundles = texts
    .flatMap((text) => configuration.parse(JSON.parse(text)).webhooks)
    .map(({ clientConfig }) => clientConfig.caBundle);
  if (new Set(bundles).size !== 1) throw new Error('the entries trust different CAs');
  return splitBundle(Buffer.from(bundles[0] ?? '', 'base64').toString());
}

/** Returns the certificate that a replica serves. Throws if none of the CAs signed it. */
async function servedBy(port: number, cas: readonly string[]): Promise<string> {
  const servername = `${WEBHOOK_SERVICE}.${SYSTEM_NAMESPACE}.svc`;
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername, ca: [...cas] }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.end();
      resolve(new X509Certificate(raw).toString());
    });
    socket.on('error', reject);
  });
}

async function servedByAll(cas: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(
    installed()
      .installation.webhooks.slice(-2)
      .map(({ port }) => servedBy(port, cas)),
  );
}

async function patchSecret(change: readonly object[]): Promise<void> {
  const { kubectl } = installed().plane;
  const args = ['-n', SYSTEM_NAMESPACE, 'patch', 'secret', WEBHOOK_SECRET, '--type=json'];
  await kubectl([...args, '-p', JSON.stringify(change)]);
}

/** Changes the Secret so that the newest CA has this age. */
async function age(ms: number): Promise<void> {
  const value = Buffer.from(new Date(Date.now() - ms).toISOString()).toString('base64');
  await patchSecret([{ op: 'replace', path: '/data/ca-added-at', value }]);
}

const patience = { within: 60_000, every: 250 };

test('a rotation under load with two replicas loses no admission, and every served certificate is trusted', async () => {
  const { installation } = installed();
  const [before = ''] = await trusted();
  const load = startPodLoad(client, 'rotating', 4);

  // Without its key the CA cannot sign, so a new CA is due. The old one is still trusted.
  await patchSecret([{ op: 'remove', path: '/data/ca.key' }]);
  const both = await eventually(async () => {
    const now = await trusted();
    expect(now).toHaveLength(2);
    return now;
  }, patience);
  const [after = ''] = both;
  expect(both[1]?.trim()).toBe(before.trim());
  for (const served of await servedByAll([before])) expect(isSignedBy(served, before)).toBe(true);

  // The new CA does not sign for two minutes, while the API server reads it.
  await age(3 * MINUTE_MS);
  await eventually(async () => {
    for (const served of await servedByAll(both)) expect(isSignedBy(served, after)).toBe(true);
  }, patience);

  // After a month all certificates of the old CA have expired.
  await age(31 * DAY_MS);
  await eventually(async () => {
    expect(await trusted()).toEqual([after]);
  }, patience);
  for (const served of await servedByAll([after])) expect(isSignedBy(served, after)).toBe(true);
  await expect(servedByAll([before])).rejects.toThrow();

  // New replicas force the API server to open new connections.
  for (const old of [...installation.webhooks]) {
    await installation.startWebhook();
    await old.stop();
  }
  const { macs, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(macs.length).toBeGreaterThan(100);
  expect(new Set(macs).size).toBe(macs.length);
});
