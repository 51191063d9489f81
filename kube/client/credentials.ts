import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { systemReason } from '../../api/system-reason.ts';
import type { Clock } from '../../time/clock.ts';
import { KubeConfigError } from './kubeconfig.ts';

/** The TLS options of an identity, as Node's TLS sockets take them. */
export type TlsOptions = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

/** The address of the API server and the client's identity, at one moment. */
export interface Credentials {
  /** The URL without a trailing slash; may have a path. */
  readonly server: string;
  readonly proxyUrl: string | undefined;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: TlsOptions;
  /** Equal for credentials that may share a connection. */
  readonly connectionKey: string;
  /** The namespace of the context. */
  readonly namespace: string | undefined;
}

/** The user to impersonate: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/ */
export interface Impersonation {
  readonly user: string;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface CredentialSource {
  /** @throws KubeConfigError, or any error of a credential plugin */
  get(): Promise<Credentials>;
  /** Makes the next `get` read the files again: a connection failed, perhaps because they changed. */
  expire(): void;
  /** Discards credentials that the server refused, with the cached results of plugins and token files. */
  reject(refused: Credentials): void;
}

/**
 * The age at which the files are read again, in milliseconds. Ten seconds is common for certificate watchers: a rotation
 * leaves hours, and reading for each request would be waste. client-node caches a token file for up to another minute.
 * A 401 ends both at once.
 */
const MAX_AGE_MS = 10_000;

export function createCredentialSource(options: {
  readonly load: () => KubeConfig;
  readonly impersonate?: Impersonation | undefined;
  readonly logger?: Logger | undefined;
  readonly clock: Clock;
}): CredentialSource {
  const { load, impersonate, logger, clock } = options;
  let loaded: { config: KubeConfig; text: string } | undefined;
  let current: { credentials: Credentials; readAt: number } | undefined;
  let reading: Promise<Credentials> | undefined;

  /** Keeps the KubeConfig object while the files are unchanged, because it caches the results of credential plugins. */
  function config(): KubeConfig {
    const fresh = load();
    const text = fresh.exportConfig();
    if (loaded?.text !== text) loaded = { config: fresh, text };
    return loaded.config;
  }

  async function read(): Promise<Credentials> {
    try {
      const credentials = await resolveCredentials(config(), impersonate);
      current = { credentials, readAt: clock.now() };
    } catch (error) {
      // A file that is being replaced must not stop a client that has valid credentials.
      if (current === undefined) throw error;
      logger?.warn({ err: error }, 'cannot read the credentials again, using the old ones');
      current = { credentials: current.credentials, readAt: clock.now() };
    }
    return current.credentials;
  }

  return {
    get: async () => {
      if (current !== undefined && clock.now() - current.readAt < MAX_AGE_MS) return current.credentials;
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return await reading;
    },
    expire: () => {
      if (current !== undefined) current = { credentials: current.credentials, readAt: -Infinity };
    },
    reject: (refused) => {
      // Of many requests that were refused at once, only the first may discard the credentials.
      if (current?.credentials !== refused) return;
      current = undefined;
      loaded = undefined;
    },
  };
}

async function resolveCredentials(config: KubeConfig, impersonate: Impersonation | undefined): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new KubeConfigError(`the context "${config.getCurrentContext()}" names no cluster`);
  const applied = await applyConfig(config);

  const tls: TlsOptions = definedOnly({
    ca: applied.ca,
    cert: applied.cert,
    key: applied.key,
    pfx: applied.pfx,
    passphrase: applied.passphrase,
    rejectUnauthorized: applied.rejectUnauthorized,
    servername: applied.servername,
  });
  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    headers: { ...authorization(applied), ...(impersonate !== undefined && impersonationHeaders(impersonate)) },
    tls,
    connectionKey: hash([cluster.server, cluster.proxyUrl, tls]),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
  };
}

/** Reads the files and runs the credential plugin that the configuration names. */
async function applyConfig(config: KubeConfig): Promise<RequestOptions> {
  const applied: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(applied);
  } catch (error) {
    throw new KubeConfigError(`the credentials of the kubeconfig cannot be used: ${explainCredentials(error)}`);
  }
  return applied;
}

/** Names the file or the credential plugin that failed, and why. */
function explainCredentials(error: unknown): string {
  // A syntax error quotes the output of the plugin, which contains the token.
  if (!(error instanceof Error) || error instanceof SyntaxError) return 'the credential plugin did not print JSON';
  // The error of reading a folder has no path.
  const { syscall, path = 'one of its files' } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error.message;
  const failed = syscall.startsWith('spawn') ? `the credential plugin ${path} cannot be run` : `${path} cannot be read`;
  return `${failed} (${systemReason(error)})`;
}

function authorization(applied: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(applied.headers ?? {})) {
    // A token file usually ends with a newline, which a header must not contain.
    if (typeof value === 'string') headers[name] = value.trim();
  }
  if (typeof applied.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(applied.auth).toString('base64')}`;
  }
  return headers;
}

function impersonationHeaders({ user, uid, groups, extra }: Impersonation): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'Impersonate-User': user };
  if (uid !== undefined) headers['Impersonate-Uid'] = uid;
  if (groups !== undefined && groups.length > 0) headers['Impersonate-Group'] = [...groups];
  for (const [name, values] of Object.entries(extra ?? {})) {
    headers[`Impersonate-Extra-${encodeURIComponent(name)}`] = [...values];
  }
  return headers;
}

function definedOnly<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** Hashes a value as JSON. Buffers become JSON by their content, so equal files give equal hashes. */
function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64');
}
