import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { API_SERVICE_ADDRESS } from '../node/addresses.ts';
import { createCa, createSigningKey } from './certificates.ts';
import type { ControlPlaneFiles } from './control-plane-flags.ts';
import type { ControlPlaneAccess } from './identities.ts';
import { kubeconfigText } from './kubeconfig.ts';

/** Creates all certificates and keys of a control plane in its folder, readable by the current user only. */
export async function createControlPlaneFiles(
  folder: string,
  apiPort: number,
  egressSocketPath?: string,
): Promise<{ readonly files: ControlPlaneFiles; readonly access: ControlPlaneAccess }> {
  const certificates = path.join(folder, 'certificates');
  await mkdir(certificates, { mode: 0o700 });
  const save = async (name: string, content: string) => {
    const file = path.join(certificates, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  const [authority, frontProxy, tokens] = await Promise.all([
    createCa('rock-mac test environment'),
    createCa('rock-mac test environment front proxy'),
    createSigningKey(),
  ]);
  const [serving, proxyClient, admin] = await Promise.all([
    authority.issue({
      commonName: 'kube-apiserver',
      serverNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      serverAddresses: ['127.0.0.1', API_SERVICE_ADDRESS],
    }),
    frontProxy.issue({ commonName: 'front-proxy-client' }),
    authority.issue({ commonName: 'env-admin', organizations: ['system:masters'] }),
  ]);
  const { certificate, key } = authority;
  const url = `https://127.0.0.1:${apiPort}`;
  const files = {
    ca: await save('ca.crt', certificate),
    servingCertificate: await save('serving.crt', serving.certificate),
    servingKey: await save('serving.key', serving.key),
    frontProxyCa: await save('front-proxy-ca.crt', frontProxy.certificate),
    frontProxyCertificate: await save('front-proxy.crt', proxyClient.certificate),
    frontProxyKey: await save('front-proxy.key', proxyClient.key),
    serviceAccountPublicKey: await save('service-account.pub', tokens.publicKey),
    serviceAccountKey: await save('service-account.key', tokens.key),
    adminKubeconfig: await save(
      'admin.kubeconfig',
      kubeconfigText({ server: url, ca: certificate, user: 'env-admin', credentials: admin }),
    ),
    egressConfig: egressSocketPath && (await save('egress.yaml', stringify(egressConfig(egressSocketPath)))),
  };
  return { files, access: { url, authority: { certificate, key }, admin, folder } };
}

/** Makes the API server reach webhooks, aggregated APIs and kubelets through a proxy. */
function egressConfig(udsName: string) {
  const connection = { proxyProtocol: 'HTTPConnect', transport: { uds: { udsName } } };
  return {
    apiVersion: 'apiserver.k8s.io/v1beta1',
    kind: 'EgressSelectorConfiguration',
    egressSelections: [{ name: 'cluster', connection }],
  };
}
