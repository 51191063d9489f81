import { z } from 'zod';
import { ledgerAddress, ledgerAuditEntry, ledgerPool } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound, KubeConnectionError, KubeDecodeError, KubeError } from '../../kube/client/errors.ts';
import type { Page } from '../backend.ts';
import { UserError } from '../errors.ts';
import { fieldTerm } from './field-selector.ts';

/** The read API cannot be used: what there is to see in MacAllocations and MacPools must do. */
export class NoReadApi extends Error {
  override readonly name = 'NoReadApi';
  readonly forbidden: boolean;

  constructor(why: string, forbidden: boolean) {
    super(why);
    this.forbidden = forbidden;
  }
}

/** Values of fields; what is undefined is not selected by. Several values: each of them as a term. */
export type Fields = Readonly<Record<string, string | undefined>>;

export interface ListRequest {
  readonly fields: Fields;
  readonly order?: string;
  readonly limit?: number;
  readonly after?: string | undefined;
  /** More terms, as they are: `state!=released`. */
  readonly terms?: readonly string[];
}

/** A kind of the read API. */
export interface View<T> {
  readonly plural: string;
  readonly schema: z.ZodType<T>;
}

export const ADDRESSES: View<z.infer<typeof ledgerAddress>> = { plural: 'addresses', schema: ledgerAddress };
export const AUDIT_ENTRIES: View<z.infer<typeof ledgerAuditEntry>> = {
  plural: 'auditentries',
  schema: ledgerAuditEntry,
};
export const POOLS: View<z.infer<typeof ledgerPool>> = { plural: 'pools', schema: ledgerPool };

/** The read API of the operator, through the API server. Throws NoReadApi where it cannot be used. */
export interface LedgerReader {
  list<T>(view: View<T>, request: ListRequest): Promise<Page<T>>;
  /** `undefined` where nothing has that name. */
  get<T>(view: View<T>, name: string): Promise<T | undefined>;
}

const list = z.object({
  metadata: z.object({ continue: z.string().optional() }),
  items: z.array(z.unknown()),
});

/** What the read API is reached by. */
interface ReadApi {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly requestTimeoutMs: number;
}

/** Not so long that somebody who waits for a fallback gives up. */
const LONGEST_MS = 10_000;

export function createLedgerReader({ client, requestTimeoutMs }: ReadApi): LedgerReader {
  const timeoutMs = Math.min(requestTimeoutMs, LONGEST_MS);
  const base = `/apis/${LEDGER_GROUP}/${LEDGER_VERSION}`;

  async function ask(path: string): Promise<unknown> {
    try {
      return await client.raw('GET', path, undefined, { timeoutMs, attempts: 1 });
    } catch (error) {
      // The operator hangs, say. Where it is the cluster that does, whoever reads the objects instead will tell.
      if (error instanceof KubeConnectionError && error.sent) throw new NoReadApi(error.message, false);
      throw error instanceof KubeError ? judge(error) : error;
    }
  }

  return {
    list: async ({ plural, schema }, { fields, terms = [], order, limit, after }) => {
      const selected = Object.entries(fields).flatMap(([name, value]) =>
        value === undefined ? [] : [fieldTerm(name, value)],
      );
      const query = new URLSearchParams({
        ...(selected.length + terms.length > 0 && { fieldSelector: [...selected, ...terms].join(',') }),
        ...(order !== undefined && { order }),
        ...(limit !== undefined && { limit: String(limit) }),
        ...(after !== undefined && { continue: after }),
      });
      const { items, metadata } = parse(list, await ask(`${base}/${plural}?${query.toString()}`));
      return { items: parse(z.array(schema), items), next: metadata.continue };
    },
    get: async ({ plural, schema }, name) => {
      try {
        return parse(schema, await ask(`${base}/${plural}/${encodeURIComponent(name)}`));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new KubeDecodeError(
    `the read API answered something else than this plugin knows: ${z.prettifyError(parsed.error)}`,
  );
}

function judge(error: KubeError): Error {
  const { status, message, details } = error;
  if (status === 403) return new NoReadApi('you may not read the whole ledger', true);
  if (status === 404 && details?.name === undefined) return new NoReadApi('it is not there', false);
  if (status >= 500) return new NoReadApi(message, false);
  return status === 400 ? new UserError(`${message}.`, 'Correct the value and ask again.') : error;
}
