import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createCa, type KeyPair } from '../env/kubernetes/certificates.ts';
import { type ControlPlane, startControlPlane } from '../env/kubernetes/control-plane.ts';
import { kubectlFor } from '../env/kubernetes/kubectl.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { startServiceForwarder } from '../env/network/service-forwarder.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually } from '../env/run/eventually.ts';

const review = z.object({ request: z.object({ uid: z.string() }) });

/** Starts an HTTPS server on 127.0.0.1 for one test. */
async function serveHttps(
  pair: KeyPair,
  handle: (request: IncomingMessage, answer: ServerResponse) => void | Promise<void>,
): Promise<number> {
  const server = createHttpsServer({ cert: pair.certificate, key: pair.key }, (request, answer) => {
    void handle(request, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a control plane', () => {
  let plane: ControlPlane;
  const apply = (...objects: object[]) =>
    plane.kubectl(['apply', '-f', '-'], { input: objects.map((object) => JSON.stringify(object)).join('\n---\n') });
  const remember = (name: string) => plane.kubectl(['create', 'configmap', name, '--from-literal=kept=yes']);
  const recall = (name: string) => plane.kubectl(['get', 'configmap', name, '-o', 'jsonpath={.data.kept}']);

  beforeAll(async () => {
    plane = await startControlPlane();
  });

  afterAll(async () => {
    await plane.close();
  });

  it('reports its version', async () => {
    expect(await plane.kubectl(['version', '-o', 'json'])).toContain('"gitVersion": "v1.');
  });

  it('keeps its data when its processes are killed and restarted', async () => {
    await remember('killed');
    for (const part of [plane.etcd, plane.apiServer, plane.controllerManager]) {
      await part.kill();
      expect(part.pid).toBeUndefined();
      await part.start();
    }
    await eventually(async () => {
      expect(await recall('killed')).toBe('yes');
    });
  });

  it('keeps its data when its processes are stopped and restarted', async () => {
    await remember('stopped');
    for (const part of [plane.controllerManager, plane.apiServer, plane.etcd]) await part.stop();
    await expect(recall('stopped')).rejects.toThrow('refused');
    for (const part of [plane.etcd, plane.apiServer, plane.controllerManager]) await part.start();
    await eventually(async () => {
      expect(await recall('stopped')).toBe('yes');
    });
  });

  it('collects garbage and finalizes namespaces', async () => {
    await plane.kubectl(['create', 'namespace', 'short-lived']);
    await plane.kubectl(['-n', 'short-lived', 'create', 'configmap', 'inside']);
    await plane.kubectl(['delete', 'namespace', 'short-lived', '--wait=false']);
    await eventually(() => expect(plane.kubectl(['get', 'namespace', 'short-lived'])).rejects.toThrow('NotFound'), {
      within: 30_000,
    });
  });

  it('authenticates users by certificate and ServiceAccounts by token, and enforces RBAC', async () => {
    await plane.kubectl(['create', 'role', 'reader', '--verb=get', '--resource=configmaps']);
    await plane.kubectl(['create', 'rolebinding', 'readers', '--role=reader', '--group=readers']);
    await remember('readable');
    const as = (kubeconfig: string) => kubectlFor(plane.binaries.kubectl, kubeconfig);
    const alice = as(await plane.userKubeconfig('alice', ['readers']));
    expect(await alice(['get', 'configmap', 'readable', '-o', 'name'])).toBe('configmap/readable\n');
    await expect(alice(['get', 'secrets'])).rejects.toThrow('User "alice" cannot list resource "secrets"');
    const robot = as(await plane.serviceAccountKubeconfig('default', 'default'));
    expect(await robot(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'])).toBe(
      'system:serviceaccount:default:default',
    );
    await expect(plane.serviceAccountKubeconfig('default', 'nobody')).rejects.toThrow('not found');
  });

  it('calls a webhook behind a Service at its ClusterIP', async () => {
    const ca = await createCa('webhook authority');
    const pair = await ca.issue({ commonName: 'hook', serverNames: ['hook.default.svc'] });
    const port = await serveHttps(pair, async (request, answer) => {
      const { uid } = review.parse(JSON.parse(await text(request))).request;
      const refusal = { uid, allowed: false, status: { message: 'not on my watch' } };
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: refusal }));
    });
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hook', namespace: 'default' },
      spec: { ports: [{ port: 8443 }] },
    });
    const clusterIp = await plane.kubectl(['get', 'service', 'hook', '-o', 'jsonpath={.spec.clusterIP}']);
    expect(clusterIp.split('.').slice(0, 2)).toEqual(plane.serviceRange.split('.').slice(0, 2));
    const targets = [{ host: '127.0.0.1', port }];
    const forwarder = await startServiceForwarder({ clusterIp, port: 8443, targets });
    onTestFinished(() => forwarder.close());
    await apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'hook' },
      webhooks: [
        {
          name: 'hook.test.local',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          clientConfig: {
            service: { namespace: 'default', name: 'hook', port: 8443 },
            caBundle: Buffer.from(ca.certificate).toString('base64'),
          },
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['endpoints'] }],
        },
      ],
    });
    onTestFinished(() => plane.kubectl(['delete', 'validatingwebhookconfiguration', 'hook']).then(() => undefined));
    const endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'refused' } };
    await eventually(() => expect(apply(endpoints)).rejects.toThrow('not on my watch'));
  });

  it('passes the caller on to an aggregated API, with the certificate of the front proxy', async () => {
    const ca = await createCa('extension authority');
    const pair = await ca.issue({ commonName: 'extension', serverNames: ['extension.default.svc'] });
    const callers: unknown[] = [];
    const port = await serveHttps(pair, (request, answer) => {
      if (request.url?.includes('/things') === true) callers.push(request.headers['x-remote-user']);
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ kind: 'ThingList', apiVersion: 'test.local/v1', metadata: {}, items: [] }));
    });
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'extension', namespace: 'default' },
        spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1.test.local' },
        spec: {
          group: 'test.local',
          version: 'v1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          service: { namespace: 'default', name: 'extension', port },
          caBundle: Buffer.from(ca.certificate).toString('base64'),
        },
      },
    );
    onTestFinished(() => plane.kubectl(['delete', 'apiservice', 'v1.test.local']).then(() => undefined));
    await eventually(() => plane.kubectl(['get', '--raw', '/apis/test.local/v1/things']), { within: 30_000 });
    expect(callers.at(-1)).toBe('env-admin');
  });

  it('can be reached through a proxy that freezes and recovers', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: plane.port });
    onTestFinished(() => proxy.close());
    const server = `https://127.0.0.1:${proxy.port}`;
    const through = kubectlFor(
      plane.binaries.kubectl,
      await plane.userKubeconfig('carol', ['system:masters'], { server }),
    );
    expect(await through(['get', '--raw', '/readyz'])).toBe('ok');
    proxy.freeze();
    await expect(through(['get', '--raw', '/readyz', '--request-timeout=1s'])).rejects.toThrow();
    await proxy.heal();
    expect(await through(['get', '--raw', '/readyz'])).toBe('ok');
  });

  it('serves the CRDs of Multus and KubeVirt, with a status subresource where KubeVirt has one', async () => {
    await installForeignCrds(plane.kubectl);
    const machine = (kind: string) => ({
      apiVersion: 'kubevirt.io/v1',
      kind,
      metadata: { name: 'vm' },
      spec: { anything: { at: 'all' } },
      status: { phase: 'Running' },
    });
    const config = JSON.stringify({ cniVersion: '1.0.0', type: 'bridge' });
    await apply(machine('VirtualMachine'), machine('VirtualMachineInstance'), {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'bridge' },
      spec: { config },
    });
    const read = (kind: string, field: string) => plane.kubectl(['get', kind, '-o', `jsonpath={.items[0]${field}}`]);
    expect(await read('virtualmachines', '.spec.anything.at')).toBe('all');
    expect(await read('virtualmachines', '.status')).toBe('');
    expect(await read('virtualmachineinstances', '.status.phase')).toBe('Running');
    expect(await read('net-attach-def', '.spec.config')).toBe(config);
  });

  it('shares nothing with a second control plane', async () => {
    const second = await startControlPlane();
    onTestFinished(() => second.close());
    await remember('only-here');
    await expect(second.kubectl(['get', 'configmap', 'only-here'])).rejects.toThrow('NotFound');
    expect(second.port).not.toBe(plane.port);
    expect(second.serviceRange).not.toBe(plane.serviceRange);
    const clusterOf = (each: ControlPlane) =>
      each.kubectl(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
    expect(await clusterOf(second)).not.toBe(await clusterOf(plane));
  });
});
