import { readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { systemReason } from '../../api/system-reason.ts';
import { LedgerError } from '../errors.ts';

export interface ConnectionOptions {
  /** `postgresql://user:password@host:5432/database?sslmode=verify-full` */
  readonly url: string;
  readonly applicationName: string;
  /** Time limit for a connection in milliseconds, including the wait for a free one. */
  readonly connectTimeoutMs: number;
  /** Read at every new connection, so a rotated password needs no restart. Takes precedence over the URL. */
  readonly passwordFile?: string | undefined;
  /** The file that the URL is from. Read again at every new connection, for a rotated password. */
  readonly urlFile?: string | undefined;
  /** PEM of the CA that signed the server's certificate. If set, the certificate is verified in full. */
  readonly ca?: string | undefined;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** How the server's certificate is checked. Modes of libpq that look safe but are weak are made strict. */
type TlsMode = 'off' | 'unchecked' | 'verified';

const TLS_MODES: ReadonlyMap<string, TlsMode> = new Map([
  ['disable', 'off'],
  ['no-verify', 'unchecked'],
  ['require', 'verified'],
  ['verify-ca', 'verified'],
  ['verify-full', 'verified'],
]);

/**
 * Returns the node-postgres settings for one connection. Sends no startup parameter that pgbouncer refuses. Server time
 * limits are therefore set on the role. Throws BAD_REQUEST for an invalid URL.
 */
export function connectionConfig(options: ConnectionOptions): ClientConfig {
  const { url, wanted } = splitTlsMode(options);
  // Not as a connection string: its missing password would take precedence over the file.
  const { ssl, ...parsed } = parseRest(url);
  const mode = tlsMode(wanted, options.ca, parsed.host);
  const password = passwordSource(options);
  return {
    ...parsed,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // The SCRAM exchange then proves that the server with this certificate knows the password.
    ...(mode === 'off'
      ? {}
      : { ssl: { ...(typeof ssl === 'object' && ssl), ...tls(mode, options.ca) }, enableChannelBinding: true }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Returns the function that node-postgres calls at each new connection, or `undefined` for the password of the URL. */
function passwordSource({ passwordFile, urlFile }: ConnectionOptions): (() => Promise<string>) | undefined {
  if (passwordFile !== undefined) return () => readSecret(passwordFile);
  if (urlFile === undefined) return undefined;
  return async () => String(parseRest(parseUrl(await readSecret(urlFile)).href).password ?? '');
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    const next = 'Choose a file that this program may read.';
    throw new LedgerError('LEDGER_AUTH_FAILED', `The password file ${file} cannot be read (${systemReason(cause)})`, {
      next,
      cause,
    });
  }
}

function tls(mode: TlsMode, ca: string | undefined): TlsOptions {
  return { rejectUnauthorized: mode === 'verified', ...(ca === undefined ? {} : { ca }) };
}

/**
 * Splits the TLS mode from the URL. In node-postgres the URL overrides other settings, so those are removed from it.
 */
function splitTlsMode({ url: text, passwordFile, urlFile }: ConnectionOptions): { url: string; wanted: string | null } {
  const url = parseUrl(text);
  const wanted = url.searchParams.get('sslmode');
  url.searchParams.delete('sslmode');
  if (passwordFile !== undefined || urlFile !== undefined) url.password = '';
  return { url: url.href, wanted };
}

/** Without a mode, only a server on this machine is reached without TLS. */
function tlsMode(wanted: string | null, ca: string | undefined, host: string | undefined): TlsMode {
  if (wanted === null) return ca === undefined && isThisMachine(host) ? 'off' : 'verified';
  const mode = TLS_MODES.get(wanted);
  if (mode === undefined) {
    const next = `Use one of ${[...TLS_MODES.keys()].join(', ')}.`;
    throw new LedgerError('BAD_REQUEST', `The ledger URL has sslmode=${wanted}, which is unknown`, { next });
  }
  return mode;
}

/** Returns whether a host is the folder of a socket or a loopback address. */
function isThisMachine(named: string | undefined): boolean {
  // As node-postgres does, which reads the variable itself.
  const host = [named, process.env['PGHOST']].find((each) => each !== undefined && each !== '') ?? 'localhost';
  if (host.startsWith('/') || host === 'localhost') return true;
  const address = host.replaceAll(/[[\]]/g, '');
  return isIP(address) !== 0 && LOOPBACK.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
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
