import { CoreV1Api, KubeConfig, V1Namespace, V1ObjectMeta } from '@kubernetes/client-node';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { inject } from 'vitest';
import { migrate } from '../../ledger/migrate.ts';
import { createDatabase, dropDatabase } from './postgres/databases.ts';
import { identitiesOf, type Identities } from './kubernetes/identities.ts';
import { kubectlFor, type Kubectl } from './kubernetes/kubectl.ts';
import { ensureTemplate, type Template } from './postgres/template-database.ts';
import type { SharedTestEnv } from './vitest-setup.ts';

export { eventually, type Patience } from './run/eventually.ts';
export { applyManifests, installForeignCrds } from './kubernetes/manifests.ts';

/** The control plane and the Postgres of this test run. */
export function sharedTestEnv(): SharedTestEnv {
  return inject('testEnv');
}

/** The administrator's way to the shared control plane, or that of any other kubeconfig file. */
export function kubeConfig(file: string = sharedTestEnv().kubeconfig): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config;
}

/** kubectl as the administrator of the shared control plane. */
export function sharedKubectl(): Kubectl {
  const { binariesFolder, kubeconfig } = sharedTestEnv();
  return kubectlFor(path.join(binariesFolder, 'kubectl'), kubeconfig);
}

/** Makes users of the shared control plane. */
export function sharedIdentities(): Identities {
  return identitiesOf(sharedTestEnv().access);
}

/** Something a test was given and gives back. */
export interface Fresh {
  readonly name: string;
  remove(): Promise<void>;
}

/** Makes a namespace that no other test uses; `labels` opt it in to something. */
export async function freshNamespace(
  options: {
    readonly kubeConfig?: KubeConfig;
    readonly prefix?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): Promise<Fresh> {
  const { prefix = 'test', labels = {}, annotations = {} } = options;
  const core = (options.kubeConfig ?? kubeConfig()).makeApiClient(CoreV1Api);
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  const metadata = Object.assign(new V1ObjectMeta(), { name, labels, annotations });
  await core.createNamespace({ body: Object.assign(new V1Namespace(), { metadata }) });
  return {
    name,
    remove: async () => {
      await core.deleteNamespace({ name });
    },
  };
}

/** A database of its own: with the ledger's schema, or a copy of some other template, or empty. */
export async function freshDatabase(
  options: { readonly migrate?: boolean; readonly template?: Template; readonly adminUrl?: string } = {},
): Promise<Fresh & { readonly url: string }> {
  const { adminUrl = sharedTestEnv().postgresUrl } = options;
  const template = options.migrate === true ? ledgerTemplate : options.template;
  if (template !== undefined) await ensureTemplate(adminUrl, template);
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = await createDatabase(adminUrl, name, template?.name);
  // A copy has all of the template but what ALTER DATABASE has set on it; migrating once more sets that again.
  if (options.migrate === true) await migrate(url);
  return { name, url, remove: () => dropDatabase(adminUrl, name) };
}

const ledgerTemplate: Template = { name: 'template_ledger', prepare: (url) => migrate(url) };
