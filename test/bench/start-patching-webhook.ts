import path from 'node:path';
import { z } from 'zod';
import { makeCa, makeServingCertificate } from '../../kube/server/certificates.ts';
import type { TestEnv } from '../env/env.ts';
import { type ServiceForwarder, startServiceForwarder } from '../env/network/service-forwarder.ts';
import { reservePort } from '../env/run/port-reservation.ts';

const HOUR_MS = 3_600_000;

const serviceAnswer = z.object({ spec: z.object({ clusterIP: z.string() }) });

/** A webhook that returns a patch like ours and has no ledger. */
export interface PatchingWebhook {
  readonly forwarder: ServiceForwarder;
  readonly close: () => Promise<void>;
}

/** Starts it in a process of its own behind a Service, for the pods with these labels. */
export async function startPatchingWebhook(
  { controlPlane: { kubectl }, run }: TestEnv,
  labels: Readonly<Record<string, string>>,
): Promise<PatchingWebhook> {
  const ca = await makeCa(Date.now(), 24 * HOUR_MS);
  const leaf = await makeServingCertificate(ca, ['patching.default.svc'], Date.now(), 24 * HOUR_MS);
  const { value: port, release } = await reservePort();
  await run.spawn({
    name: 'patching-webhook',
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'patching-webhook.ts')],
    env: { BENCH_PORT: String(port), BENCH_CERTIFICATE: leaf.certificate, BENCH_KEY: leaf.key },
  });
  const apply = async (object: object) =>
    await kubectl(['apply', '-o', 'json', '-f', '-'], { input: JSON.stringify(object) });
  const service = await apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'patching', namespace: 'default' },
    spec: { ports: [{ port: 10_250 }] },
  });
  const { clusterIP: clusterIp } = serviceAnswer.parse(JSON.parse(service)).spec;
  const forwarder = await startServiceForwarder({ clusterIp, port: 10_250, targets: [{ host: '127.0.0.1', port }] });
  await apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'zz-patching' },
    webhooks: [
      {
        name: 'patching.bench.example',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          service: { namespace: 'default', name: 'patching', port: 10_250, path: '/patch' },
          caBundle: Buffer.from(ca.certificate).toString('base64'),
        },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        objectSelector: { matchLabels: labels },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 5,
      },
    ],
  });
  return {
    forwarder,
    close: async () => {
      await forwarder.close();
      await release();
    },
  };
}
