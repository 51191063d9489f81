import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';
import { systemReason } from '../../api/system-reason.ts';

/** Selects the API server and the identity. The default is what kubectl would use, then the pod's service account. */
export interface KubeConfigOptions {
  /** The path of a kubeconfig, or several paths joined as in `KUBECONFIG`. */
  readonly kubeconfig?: string | undefined;
  /** Overrides the current context. */
  readonly context?: string | undefined;
  /** Uses the service account of this pod. */
  readonly inCluster?: boolean | undefined;
}

/** The environment and the file system root, which tests replace. */
export interface KubeConfigDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A prefix for the paths of the service account. */
  readonly root: string;
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** The kubeconfig cannot be used. The message names the file and the cause but never quotes the file's secrets. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
}

const named = z.looseObject({ name: z.string() });
const cluster = named.extend({
  cluster: z.looseObject({ server: z.string(), 'certificate-authority': z.string().optional() }),
});
const user = named.extend({
  user: z
    .looseObject({
      'client-certificate': z.string().optional(),
      'client-key': z.string().optional(),
      tokenFile: z.string().optional(),
      token: z.string().optional(),
      exec: z.looseObject({ command: z.string() }).nullish(),
    })
    .nullish(),
});
const context = named.extend({ context: z.looseObject({ cluster: z.string(), user: z.string() }) });
const kubeconfigFile = z.object({
  clusters: z.array(cluster).nullish(),
  users: z.array(user).nullish(),
  contexts: z.array(context).nullish(),
  'current-context': z.string().optional(),
});
type KubeConfigFile = z.infer<typeof kubeconfigFile>;

/**
 * Reads the configuration from disk at each call.
 *
 * The files are read and merged here because client-node supports neither the `tokenFile` of a user nor kubectl's rule
 * that the first file to define a name wins
 * (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files),
 * and because the errors of its YAML parser quote lines of the file.
 *
 * @throws KubeConfigError
 */
export function loadKubeConfig(
  options: KubeConfigOptions,
  { env, root }: KubeConfigDeps = { env: process.env, root: '' },
): KubeConfig {
  const config = new KubeConfig();
  const paths = options.inCluster === true ? undefined : findFiles(options, env);
  if (paths !== undefined) config.loadFromString(JSON.stringify(mergeFiles(paths.map(readKubeConfigFile))));
  else loadInCluster(config, root, env);

  if (options.context !== undefined) config.setCurrentContext(options.context);
  if (config.getCurrentCluster() === null) {
    throw new KubeConfigError(
      `there is no cluster for the context "${config.getCurrentContext()}" in ${describe(paths)}`,
    );
  }
  return config;
}

function findFiles({ kubeconfig }: KubeConfigOptions, env: KubeConfigDeps['env']): string[] | undefined {
  if (kubeconfig !== undefined) return kubeconfig.split(delimiter).filter((path) => path !== '');
  const fromEnv = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  // Like kubectl, skip missing files when there are several.
  if (fromEnv.length > 1) return fromEnv.filter((path) => existsSync(path));
  if (fromEnv.length === 1) return fromEnv;
  const usual = join(env['HOME'] ?? homedir(), '.kube', 'config');
  return existsSync(usual) ? [usual] : undefined;
}

function loadInCluster(config: KubeConfig, root: string, env: KubeConfigDeps['env']): void {
  if ((env['KUBERNETES_SERVICE_HOST'] ?? '') === '' || !existsSync(root + SERVICE_ACCOUNT_TOKEN)) {
    throw new KubeConfigError(
      'there is no way to reach a cluster: no kubeconfig was given or found at ~/.kube/config, and this is not a pod with a service account',
    );
  }
  config.loadFromCluster(root);
}

function readKubeConfigFile(path: string): KubeConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KubeConfigError(`the kubeconfig ${path} cannot be read (${systemReason(error)})`);
  }
  const parsed = kubeconfigFile.safeParse(parseYaml(path, text));
  if (!parsed.success) {
    throw new KubeConfigError(`the kubeconfig ${path} is not valid: ${z.prettifyError(parsed.error)}`);
  }
  return resolvePaths(parsed.data, dirname(path));
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch {
    throw new KubeConfigError(`the kubeconfig ${path} is not valid YAML`);
  }
}

/** Resolves relative paths against the directory of the kubeconfig. */
function resolvePaths(file: KubeConfigFile, directory: string): KubeConfigFile {
  const resolve = (path: string): string => (isAbsolute(path) ? path : join(directory, path));
  for (const { cluster: fields } of file.clusters ?? []) {
    const authority = fields['certificate-authority'];
    if (authority !== undefined) fields['certificate-authority'] = resolve(authority);
    // client-node uses plain HTTP, as for `kubectl proxy`, only for a cluster that disables TLS verification.
    if (fields.server.startsWith('http:')) fields['insecure-skip-tls-verify'] = true;
  }
  for (const { user: fields } of file.users ?? []) {
    if (fields !== undefined && fields !== null) resolveUserPaths(fields, resolve);
  }
  return file;
}

function resolveUserPaths(fields: NonNullable<z.infer<typeof user>['user']>, resolve: (path: string) => string): void {
  for (const name of ['client-certificate', 'client-key'] as const) {
    if (fields[name] !== undefined) fields[name] = resolve(fields[name]);
  }
  // A command without a slash is looked up in PATH.
  if (fields.exec?.command.includes('/') === true) fields.exec.command = resolve(fields.exec.command);
  if (fields.tokenFile !== undefined) {
    // As in client-go, the file takes precedence over a token. client-node supports it only as this auth provider.
    fields['auth-provider'] = { name: 'tokenFile', config: { tokenFile: resolve(fields.tokenFile) } };
    delete fields.token;
  }
}

function mergeFiles(files: readonly KubeConfigFile[]): KubeConfigFile {
  return {
    clusters: firstOfEachName(files.flatMap((file) => file.clusters ?? [])),
    users: firstOfEachName(files.flatMap((file) => file.users ?? [])),
    contexts: firstOfEachName(files.flatMap((file) => file.contexts ?? [])),
    'current-context': files.map((file) => file['current-context'] ?? '').find((name) => name !== '') ?? '',
  };
}

function firstOfEachName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return [...new Map(items.toReversed().map((item) => [item.name, item])).values()].reverse();
}

function describe(paths: readonly string[] | undefined): string {
  if (paths === undefined) return 'the in-cluster configuration';
  return paths.length === 0 ? 'KUBECONFIG: none of its files exists' : paths.join(', ');
}
