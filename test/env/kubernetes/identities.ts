import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type ApiAccess, apiRequest } from './api-request.ts';
import { type KeyPair, loadCa } from './certificates.ts';
import { type Credentials, kubeconfigText } from './kubeconfig.ts';

/** What is needed to create users of a control plane. Plain data, so that another process can use it. */
export interface ControlPlaneAccess {
  readonly url: string;
  /** The CA that signs client certificates. */
  readonly authority: KeyPair;
  readonly admin: KeyPair;
  /** The folder of the kubeconfig files. */
  readonly folder: string;
}

export interface KubeconfigOptions {
  /** Another URL of the same API server, such as that of a proxy: `https://127.0.0.1:PORT`. */
  readonly server?: string;
}

/** Creates users for tests of RBAC. */
export interface Identities {
  /** Returns the path of a new kubeconfig for a user with a client certificate. */
  readonly userKubeconfig: (name: string, groups?: readonly string[], options?: KubeconfigOptions) => Promise<string>;
  /** Returns the path of a new kubeconfig with a new token (valid for a day) of an existing ServiceAccount. */
  readonly serviceAccountKubeconfig: (namespace: string, name: string, options?: KubeconfigOptions) => Promise<string>;
}

const tokenResponse = z.object({ status: z.object({ token: z.string() }) });
const TOKEN_LIFETIME_SECONDS = 86_400;

/** See {@link Identities}. */
export function identitiesOf(access: ControlPlaneAccess): Identities {
  const { url, authority, folder } = access;
  const write = async (user: string, credentials: Credentials, extra: { server?: string; namespace?: string }) => {
    const unique = randomBytes(4).toString('hex');
    const file = path.join(folder, `${user.replaceAll(/[^a-z0-9-]+/gi, '-')}-${unique}.kubeconfig`);
    const text = kubeconfigText({ server: url, ca: authority.certificate, user, credentials, ...extra });
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    userKubeconfig: async (name, groups = [], options = {}) => {
      const signer = await loadCa(authority);
      return write(name, await signer.issue({ commonName: name, organizations: groups }), options);
    },
    serviceAccountKubeconfig: async (namespace, name, options = {}) => {
      const token = await requestToken({ url, ca: authority.certificate, ...access.admin }, namespace, name);
      return write(`system:serviceaccount:${namespace}:${name}`, { token }, { ...options, namespace });
    },
  };
}

async function requestToken(admin: ApiAccess, namespace: string, name: string): Promise<string> {
  const answer = await apiRequest(admin, `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_LIFETIME_SECONDS },
  });
  if (answer.status !== 201) {
    throw new Error(`No token for ServiceAccount ${namespace}/${name}: the API server returned ${answer.body}`);
  }
  return tokenResponse.parse(JSON.parse(answer.body)).status.token;
}
