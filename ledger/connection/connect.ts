import { Pool, TypeOverrides, type PoolClient, type QueryResultRow } from 'pg';
import { connectionConfig, type ConnectionOptions } from './connection-config.ts';
import { LedgerError, toLedgerError } from '../errors.ts';
import type { Queryable, Statement } from './statement.ts';

export interface LedgerOptions extends ConnectionOptions {
  /** Connections at most. Few are enough: requests are grouped (facts: webhook 4, controllers 4, maintenance 1). */
  readonly max: number;
  /** Milliseconds until the answer to one statement must be there. */
  readonly statementTimeoutMs: number;
  /** Told of connections that break while nobody uses them. */
  readonly onError?: ((error: Error) => void) | undefined;
}

export interface LedgerClient extends Queryable {
  /** Runs `use` in one transaction; what it throws rolls back. Only for what needs several statements: mostly reports. */
  transaction<R>(use: (db: Queryable) => Promise<R>): Promise<R>;
  /** Waits for statements that run, then closes all connections. May be called twice. */
  close(): Promise<void>;
  readonly pool: Pool;
}

/** Oids of pg_type. A MAC needs 48 bits and counts stay far below 2^53, so int8 is a number on this pool, and only here. */
const INT8 = 20;

/**
 * Opens the way to a ledger. Connects at the first statement, so this itself never fails for a server that is away.
 *
 * Works behind pgbouncer in transaction mode: every statement is one transaction or lies inside one, nothing is prepared
 * by name, and no session state is set. A connection on which anything went wrong is destroyed and never handed back:
 * node-postgres would otherwise give the late answer of one question to the next.
 */
export function openLedger(options: LedgerOptions): LedgerClient {
  const types = new TypeOverrides();
  types.setTypeParser(INT8, Number);
  const pool = new Pool({ ...connectionConfig(options), max: options.max, idleTimeoutMillis: 30_000, types });
  // Without a listener a broken connection would end the process; the statement on it gets its error by itself.
  pool.on('error', (error) => options.onError?.(toLedgerError(error, 'keep a connection')));
  pool.on('connect', (client) => client.on('error', () => undefined));

  const run = <R>(use: (client: PoolClient) => Promise<R>) => withClient(pool, use);
  let closing: Promise<void> | undefined;
  return {
    pool,
    query: (statement) => run((client) => execute(client, statement, options.statementTimeoutMs)),
    transaction: (use) => run((client) => inTransaction(client, use, options.statementTimeoutMs)),
    close: () => (closing ??= pool.end()),
  };
}

async function withClient<R>(pool: Pool, use: (client: PoolClient) => Promise<R>): Promise<R> {
  const client = await pool.connect().catch((error: unknown) => {
    throw connectError(error);
  });
  let healthy = false;
  try {
    const result = await use(client);
    healthy = true;
    return result;
  } finally {
    // Ends an open transaction too: the server rolls back what its client left.
    client.release(!healthy);
  }
}

function connectError(error: unknown): LedgerError {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('after calling end')) {
    return new LedgerError('LEDGER_CLOSED', 'This way to the ledger was closed', { cause: error });
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
    throw new LedgerError(
      'LEDGER_FAILED',
      `The ledger answered ${JSON.stringify(row)}, which this program does not understand`,
      {
        cause: parsed.error,
      },
    );
  });
}

/**
 * One round trip with a time limit of our own. The limits of the server do not end a COMMIT that waits for a standby, and
 * those of node-postgres leave the connection in the middle of an answer. Rows are used only after the promise resolved:
 * they arrive before a COMMIT fails.
 */
async function rowsOf(
  client: PoolClient,
  { text, values }: Pick<Statement<unknown>, 'text' | 'values'>,
  timeoutMs: number,
): Promise<QueryResultRow[]> {
  let timer: NodeJS.Timeout | undefined;
  const seen = { notDurable: false };
  // Somebody cancelled the wait for the standby: the change is here and perhaps only here. The server calls that success.
  const onNotice = (notice: { routine?: string | undefined }) => {
    if (notice.routine === 'SyncRepWaitForLSN') seen.notDurable = true;
  };
  client.on('notice', onNotice);
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new LedgerError('LEDGER_TIMEOUT', `The ledger did not answer within ${String(timeoutMs)} ms`));
    }, timeoutMs);
  });
  try {
    const result = await Promise.race([client.query<QueryResultRow>({ text, values: [...values] }), timeout]);
    if (seen.notDurable) throw new LedgerError('LEDGER_NOT_DURABLE', 'The ledger stopped waiting for its standby');
    return result.rows;
  } catch (error) {
    throw toLedgerError(error, 'answer');
  } finally {
    clearTimeout(timer);
    client.off('notice', onNotice);
  }
}
