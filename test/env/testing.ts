import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { CoreV1Api, KubeConfig, V1Namespace, V1ObjectMeta } from '@kubernetes/client-node';
import { inject } from 'vitest';
import { migrate } from '../../ledger/migrate.ts';
import { type Identities, identitiesOf } from './kubernetes/identities.ts';
import { type Kubectl, kubectlFor } from './kubernetes/kubectl.ts';
import { createDatabase, dropDatabase } from './postgres/databases.ts';
import { ensureTemplate, type Template } from './postgres/template-database.ts';
import type { SharedTestEnv } from './vitest-setup.ts';

export { eventually, type Patience } from './run/eventually.ts';
export { applyManifests, installForeignCrds } from './kubernetes/manifests.ts';

/** Returns the control plane and the Postgres that this test run shares. */
export function sharedTestEnv(): SharedTestEnv {
  return inject('testEnv');
}

/** Loads a kubeconfig file. The default is the administrator's of the shared control plane. */
export function kubeConfig(file: string = sharedTestEnv().kubeconfig): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config;
}

/** Returns kubectl as the administrator of the shared control plane. */
export function sharedKubectl(): Kubectl {
  const { binariesFolder, kubeconfig } = sharedTestEnv();
  return kubectlFor(path.join(binariesFolder, 'kubectl'), kubeconfig);
}

/** Returns the functions that create users of the shared control plane. */
export function sharedIdentities(): Identities {
  return identitiesOf(sharedTestEnv().access);
}

/** A resource that a test creates and removes again. */
export interface Fresh {
  readonly name: string;
  remove(): Promise<void>;
}

/** Creates a namespace that no other test uses. */
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

/** Creates a database: with the ledger's schema (`migrate`), as a copy of another template, or empty. */
export async function freshDatabase(
  options: { readonly migrate?: boolean; readonly template?: Template; readonly adminUrl?: string } = {},
): Promise<Fresh & { readonly url: string }> {
  const { adminUrl = sharedTestEnv().postgresUrl } = options;
  const template = options.migrate === true ? ledgerTemplate : options.template;
  if (template !== undefined) await ensureTemplate(adminUrl, template);
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = await createDatabase(adminUrl, name, template?.name);
  // A copy lacks the settings of ALTER DATABASE. Migrating again applies them.
  if (options.migrate === true) await migrate(url);
  return { name, url, remove: () => dropDatabase(adminUrl, name) };
}

const ledgerTemplate: Template = { name: 'template_ledger', prepare: (url) => migrate(url) };
