import { Client, Pool, type PoolClient, type QueryResultRow, TypeOverrides } from 'pg';
import { LedgerError, toLedgerError } from '../errors.ts';
import { connectionConfig, type ConnectionOptions } from './connection-config.ts';
import { SafeClient } from './safe-client.ts';
import type { Queryable, Statement } from './statement.ts';

export interface LedgerOptions extends ConnectionOptions {
  /**
   * Maximum number of connections. Few are enough because requests are grouped: webhook 4, controllers 4, maintenance
   * 1.
   */
  readonly max: number;
  /** Time limit for one statement, in milliseconds. */
  readonly statementTimeoutMs: number;
  /** Called when an idle connection breaks. */
  readonly onError?: ((error: Error) => void) | undefined;
}

export interface LedgerClient extends Queryable {
  /** Runs `use` in one transaction and rolls back if it throws. Only for work that needs several statements. */
  transaction<R>(use: (db: Queryable) => Promise<R>): Promise<R>;
  /** Waits for running statements, then closes all connections. Can be called twice. */
  close(): Promise<void>;
  /** The connections themselves, for SQL that needs a session of its own. */
  readonly connections: Pool;
}

/**
 * Oid in pg_type. A MAC needs 48 bits and counts stay far below 2^53, so int8 becomes a number on these connections
 * only.
 */
const INT8 = 20;

/**
 * Creates a client for a ledger. It connects at the first statement, so this call never fails for an unreachable
 * server.
 *
 * Works behind pgbouncer in transaction mode: every statement is one transaction or inside one. Nothing is prepared by
 * name, and no session state is set. A connection on which anything failed is destroyed. Otherwise node-postgres would
 * give the late result of one statement to the next.
 */
export function openLedger(options: LedgerOptions): LedgerClient {
  const types = new TypeOverrides();
  types.setTypeParser(INT8, Number);
  const config = connectionConfig(options);
  const { user } = new Client(config); // from the URL, PGUSER or the system; this does not connect
  const connections = new Pool({
    ...config,
    Client: SafeClient,
    max: options.max,
    idleTimeoutMillis: 30_000,
    types,
    verify: (client, done) => {
      requireLogin(client, user, options.connectTimeoutMs).then(() => {
        done();
      }, done);
    },
  });
  // Without a listener, a broken idle connection would end the process. A running statement gets its own error.
  connections.on('error', (error) => options.onError?.(toLedgerError(error, 'keep a connection')));
  connections.on('connect', (client) => client.on('error', () => undefined));

  let inUse = 0;
  const run = async <R>(use: (client: PoolClient) => Promise<R>) => {
    const client = await connections.connect().catch((error: unknown) => {
      throw connectError(error, { areAllInUse: inUse === options.max });
    });
    inUse++;
    try {
      return await withClient(client, use);
    } finally {
      inUse--;
    }
  };
  let closing: Promise<void> | undefined;
  return {
    connections,
    query: (statement) => run((client) => execute(client, statement, options.statementTimeoutMs)),
    transaction: (use) => run((client) => inTransaction(client, use, options.statementTimeoutMs)),
    close: () => (closing ??= connections.end()),
  };
}

/**
 * Refuses a connection whose login is not the user that we asked for. The ledger decides by the login what a cluster may
 * change, so a pooler that forces one user on all its clients would undo that.
 */
async function requireLogin(client: PoolClient, user: string | undefined, timeoutMs: number): Promise<void> {
  const [row] = await rowsOf(client, { text: 'select session_user as login', values: [] }, timeoutMs);
  const login: unknown = row?.['login'];
  if (login === user) return;
  const what = `The ledger URL names user ${String(user)}, but the session belongs to ${String(login)}`;
  throw new LedgerError('LEDGER_SHARED_LOGIN', what);
}

async function withClient<R>(client: PoolClient, use: (client: PoolClient) => Promise<R>): Promise<R> {
  let healthy = false;
  try {
    const result = await use(client);
    healthy = true;
    return result;
  } finally {
    // Destroying it ends an open transaction too: the server rolls back when its client disconnects.
    client.release(!healthy);
  }
}

function connectError(error: unknown, { areAllInUse }: { readonly areAllInUse: boolean }): LedgerError {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('after calling end')) {
    return new LedgerError('LEDGER_CLOSED', 'This client of the ledger is closed', { cause: error });
  }
  if (areAllInUse) {
    // Nothing is wrong with the connections: other statements took longer than the wait for one.
    const what =
      'The statement did not begin in time, because all connections of this program to the ledger are in use';
    return new LedgerError('LEDGER_TIMEOUT', what, { cause: error });
  }
  return toLedgerError(error, 'be reached');
}

async function inTransaction<R>(client: PoolClient, use: (db: Queryable) => Promise<R>, timeoutMs: number): Promise<R> {
  await command(client, 'begin', timeoutMs);
  const result = await use({ query: (statement) => execute(client, statement, timeoutMs) });
  await command(client, 'commit', timeoutMs);
  return result;
}

async function command(client: PoolClient, text: string, timeoutMs: number): Promise<void> {
  await rowsOf(client, { text, values: [] }, timeoutMs);
}

async function execute<T>(client: PoolClient, statement: Statement<T>, timeoutMs: number): Promise<T[]> {
  const rows = await rowsOf(client, statement, timeoutMs);
  return rows.map((row) => {
    const parsed = statement.row.safeParse(row);
    if (parsed.success) return parsed.data;
    throw new LedgerError('LEDGER_FAILED', `The ledger returned an unexpected row: ${JSON.stringify(row)}`, {
      cause: parsed.error,
    });
  });
}

/**
 * Runs one statement under our own time limit. Server limits do not end a COMMIT that waits for a standby. The limits
 * of node-postgres leave the connection in the middle of a result. Rows are used only after the promise resolved,
 * because they arrive before a COMMIT can fail.
 */
async function rowsOf(
  client: PoolClient,
  { text, values }: Pick<Statement<unknown>, 'text' | 'values'>,
  timeoutMs: number,
): Promise<QueryResultRow[]> {
  let timer: NodeJS.Timeout | undefined;
  const seen = { notDurable: false };
  // The wait for the standby was cancelled: the change may exist on this server only. The server reports success.
  const onNotice = (notice: { routine?: string | undefined }) => {
    if (notice.routine === 'SyncRepWaitForLSN') seen.notDurable = true;
  };
  client.on('notice', onNotice);
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new LedgerError('LEDGER_TIMEOUT', `The statement did not complete within ${String(timeoutMs)} ms`));
    }, timeoutMs);
  });
  try {
    const result = await Promise.race([client.query<QueryResultRow>({ text, values: [...values] }), timeout]);
    if (seen.notDurable) throw new LedgerError('LEDGER_NOT_DURABLE', 'The ledger stopped waiting for its standby');
    return result.rows;
  } catch (error) {
    throw toLedgerError(error, 'run a statement');
  } finally {
    clearTimeout(timer);
    client.off('notice', onNotice);
  }
}
