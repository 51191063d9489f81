import { readFile } from 'node:fs/promises';
import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { LedgerError, messageOf } from '../errors.ts';

export interface ConnectionOptions {
  /** `postgresql://user:password@host:5432/database?sslmode=verify-full` */
  readonly url: string;
  readonly applicationName: string;
  /** Time limit for a connection in milliseconds, including the wait for a free one. */
  readonly connectTimeoutMs: number;
  /** Read at every new connection, so a rotated password needs no restart. Takes precedence over the URL. */
  readonly passwordFile?: string | undefined;
  /** PEM of the CA that signed the server's certificate. If set, the certificate is verified in full. */
  readonly ca?: string | undefined;
}

/** How the server's certificate is checked. Modes of libpq that look safe but are weak are made strict. */
type TlsMode = 'off' | 'unchecked' | 'verified';

const TLS_MODES: Readonly<Record<string, TlsMode>> = {
  disable: 'off',
  'no-verify': 'unchecked',
  require: 'verified',
  'verify-ca': 'verified',
  'verify-full': 'verified',
};

/**
 * Returns the node-postgres settings for one connection. Sends no startup parameter that pgbouncer refuses. Server time
 * limits are therefore set on the role. Throws BAD_REQUEST for an invalid URL.
 */
export function connectionConfig(options: ConnectionOptions): ClientConfig {
  const { url, mode } = splitTlsMode(options);
  const { passwordFile } = options;
  return {
    // Not as a connection string: its missing password would take precedence over the file.
    ...parseRest(url),
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(mode === 'off' ? {} : { ssl: tls(mode, options.ca) }),
    ...(passwordFile === undefined ? {} : { password: () => read(passwordFile) }),
  };
}

async function read(passwordFile: string): Promise<string> {
  try {
    return (await readFile(passwordFile, 'utf8')).trim();
  } catch (cause) {
    const why = messageOf(cause);
    const next = 'Choose a file that this program may read.';
    throw new LedgerError('LEDGER_AUTH_FAILED', `The password file ${passwordFile} cannot be read (${why})`, {
      next,
      cause,
    });
  }
}

function tls(mode: TlsMode, ca: string | undefined): ClientConfig['ssl'] {
  return { rejectUnauthorized: mode === 'verified', ...(ca === undefined ? {} : { ca }) };
}

/**
 * Splits the TLS mode from the URL. In node-postgres the URL overrides other settings, so those are removed from it.
 */
function splitTlsMode({ url: text, passwordFile, ca }: ConnectionOptions): { url: string; mode: TlsMode } {
  const url = parseUrl(text);
  const wanted = url.searchParams.get('sslmode');
  url.searchParams.delete('sslmode');
  if (passwordFile !== undefined) url.password = '';
  return { url: url.href, mode: tlsMode(wanted, ca) };
}

function tlsMode(wanted: string | null, ca: string | undefined): TlsMode {
  if (wanted === null) return ca === undefined ? 'off' : 'verified';
  const mode = TLS_MODES[wanted];
  if (mode === undefined) {
    const next = `Use one of ${Object.keys(TLS_MODES).join(', ')}.`;
    throw new LedgerError('BAD_REQUEST', `The ledger URL has sslmode=${wanted}, which is unknown`, { next });
  }
  return mode;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol)) throw noUrl();
  return url;
}

/** Parses the URL the way Postgres does. */
function parseRest(url: string): ClientConfig {
  try {
    return parseIntoClientConfig(url);
  } catch (cause) {
    throw noUrl(cause);
  }
}

/** Returns the error for an invalid URL. Does not repeat the text, because any part of it may be the password. */
function noUrl(cause?: unknown): LedgerError {
  const next = 'Use the form postgresql://USER@HOST:5432/DATABASE.';
  return new LedgerError('BAD_REQUEST', 'The ledger URL is not the URL of a Postgres database', {
    next,
    cause,
  });
}
