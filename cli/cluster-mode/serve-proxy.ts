import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { LEDGER_GROUP } from '../../api/names.ts';
import { reviewAccess } from '../../kube/client/reviews.ts';
import { readAssets } from '../console/assets.ts';
import { createProxyGate } from '../console/proxy-gate.ts';
import { startConsoleServer } from '../console/server.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { createClusterConsoleData } from './console-data.ts';
import { createLedgerReader } from './ledger-reader.ts';
import type { Scope } from './scope.ts';

export interface ProxyOptions {
  /** The file with the secret of the proxy. */
  readonly secretFile: string;
  readonly userHeader: string;
  readonly groupsHeader: string;
  readonly host: string;
  readonly port: number;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

const MIN_SECRET_LENGTH = 32;

/** Time limit of one SubjectAccessReview. */
const REVIEW_TIMEOUT_MS = 3_000;

/** Serves the console to the users of a proxy until the signal, with the rights of this process, checked for each user. */
export async function serveProxy(scope: Scope, options: ProxyOptions): Promise<void> {
  const { secretFile, userHeader, groupsHeader, host, port, terminal, signal } = options;
  const secret = (await readFile(secretFile, 'utf8')).trim();
  if (secret.length < MIN_SECRET_LENGTH) {
    throw new UserError(
      `The secret in ${secretFile} has fewer than ${String(MIN_SECRET_LENGTH)} characters.`,
      'Make one with `openssl rand -hex 32`, and give it to the proxy too.',
    );
  }
  const data = createClusterConsoleData({
    scope,
    reader: createLedgerReader(scope),
    user: '', // that of each request
    place: 'this cluster',
    now: () => new Date(),
  });
  const gate = createProxyGate({
    secret,
    userHeader: userHeader.toLowerCase(),
    groupsHeader: groupsHeader.toLowerCase(),
    data,
    group: LEDGER_GROUP,
    mayRead: async (user, access) =>
      (await reviewAccess(scope.client, user, access, { timeoutMs: REVIEW_TIMEOUT_MS })).allowed,
  });
  const server = await startConsoleServer({
    gate: () => gate,
    assets: await readAssets(),
    logger: {
      error: (fields: unknown, text?: string) => {
        const error = typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
        terminal.notify(`Error: ${text ?? ''} ${error instanceof Error ? (error.stack ?? error.message) : ''}`);
      },
    },
    host,
    port,
  });
  terminal.notify(`The console listens on port ${String(server.port)} for a proxy.`);
  try {
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await server.close();
  }
}
