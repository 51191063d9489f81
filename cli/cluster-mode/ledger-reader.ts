import { z } from 'zod';
import {
  addressObject,
  auditEntryObject,
  type ClusterObject,
  clusterObject,
  type LedgerObject,
  ledgerObject,
  observationObject,
  type PoolHourObject,
  poolHourObject,
  poolObject,
  type StateMapObject,
  stateMapObject,
} from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound, KubeConnectionError, KubeDecodeError, KubeError } from '../../kube/client/errors.ts';
import type { Page } from '../backend.ts';
import { UserError } from '../errors.ts';

/** The read API cannot be used. Commands then show what MacAllocations and MacPools contain. */
export class ReadApiUnavailable extends Error {
  override readonly name = 'ReadApiUnavailable';
  readonly forbidden: boolean;

  constructor(reason: string, { forbidden }: { readonly forbidden: boolean }) {
    super(reason);
    this.forbidden = forbidden;
  }
}

export interface ListRequest {
  /** Values that fields must equal. A field with the value `undefined` is left out. */
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly order?: string;
  readonly limit?: number;
  readonly after?: string | undefined;
  /** More terms of the field selector, such as `state!=released`. */
  readonly terms?: readonly string[];
  /** How long the read API waits for the first object, if there is none. */
  readonly waitSeconds?: number | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** A kind of the read API. */
export interface ReadApiKind<T> {
  readonly plural: string;
  readonly schema: z.ZodType<T>;
}

export const ADDRESSES: ReadApiKind<z.infer<typeof addressObject>> = { plural: 'addresses', schema: addressObject };
export const AUDIT_ENTRIES: ReadApiKind<z.infer<typeof auditEntryObject>> = {
  plural: 'auditentries',
  schema: auditEntryObject,
};
export const OBSERVATIONS: ReadApiKind<z.infer<typeof observationObject>> = {
  plural: 'observations',
  schema: observationObject,
};
export const POOLS: ReadApiKind<z.infer<typeof poolObject>> = { plural: 'pools', schema: poolObject };
export const CLUSTERS: ReadApiKind<ClusterObject> = { plural: 'clusters', schema: clusterObject };
export const LEDGERS: ReadApiKind<LedgerObject> = { plural: 'ledgers', schema: ledgerObject };
export const POOL_HOURS: ReadApiKind<PoolHourObject> = { plural: 'poolhours', schema: poolHourObject };
export const STATE_MAPS: ReadApiKind<StateMapObject> = { plural: 'statemaps', schema: stateMapObject };

/** `reached`: of the audit, the id up to which every entry was read. */
export interface ReadPage<T> extends Page<T> {
  readonly reached?: number | undefined;
}

/** Reads the operator's read API through the API server. Throws ReadApiUnavailable if it cannot be used. */
export interface LedgerReader {
  list<T>(kind: ReadApiKind<T>, request: ListRequest): Promise<ReadPage<T>>;
  /** Returns `undefined` if there is no object with this name. */
  get<T>(kind: ReadApiKind<T>, name: string, parameters?: Readonly<Record<string, string>>): Promise<T | undefined>;
}

type WaitOptions = Pick<ListRequest, 'waitSeconds' | 'signal'>;

const listObject = z.object({
  metadata: z.object({ continue: z.string().optional(), resourceVersion: z.coerce.number().int().optional() }),
  items: z.array(z.unknown()),
});

interface ReaderOptions {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly requestTimeoutMs: number;
}

/** Limits the wait for the read API, so that the fallback answers before a user gives up. */
const MAX_TIMEOUT_MS = 10_000;

export function createLedgerReader({ client, requestTimeoutMs }: ReaderOptions): LedgerReader {
  const timeoutMs = Math.min(requestTimeoutMs, MAX_TIMEOUT_MS);
  const base = `/apis/${LEDGER_GROUP}/${LEDGER_VERSION}`;

  async function request(path: string, { waitSeconds = 0, signal }: WaitOptions = {}): Promise<unknown> {
    const options = { timeoutMs: timeoutMs + waitSeconds * 1_000, signal, attempts: 1 };
    try {
      return await client.raw('GET', path, undefined, options);
    } catch (error) {
      // Perhaps only the operator hangs. If the whole cluster does, the fallback's own requests will report that.
      if (error instanceof KubeConnectionError && error.sent) {
        throw new ReadApiUnavailable(error.message, { forbidden: false });
      }
      throw error instanceof KubeError ? explainReadApiError(error) : error;
    }
  }

  return {
    list: async ({ plural, schema }, { fields, terms = [], order, limit, after, waitSeconds, signal }) => {
      const selected = Object.entries(fields).flatMap(([name, value]) =>
        value === undefined ? [] : [fieldTerm(name, value)],
      );
      const query = new URLSearchParams({
        ...(selected.length + terms.length > 0 && { fieldSelector: [...selected, ...terms].join(',') }),
        ...(order !== undefined && { order }),
        ...(limit !== undefined && { limit: String(limit) }),
        ...(after !== undefined && { continue: after }),
        ...(waitSeconds !== undefined && { waitSeconds: String(waitSeconds) }),
      });
      const { items, metadata } = parse(
        listObject,
        await request(`${base}/${plural}?${query.toString()}`, { waitSeconds, signal }),
      );
      return { items: parse(z.array(schema), items), next: metadata.continue, reached: metadata.resourceVersion };
    },
    get: async ({ plural, schema }, name, parameters = {}) => {
      const query = new URLSearchParams(parameters).toString();
      const path = `${base}/${plural}/${encodeURIComponent(name)}`;
      try {
        return parse(schema, await request(query === '' ? path : `${path}?${query}`));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}

/** Returns a term of a field selector. Escapes the characters that separate terms. */
export function fieldTerm(field: string, value: string): string {
  return `${field}=${value.replaceAll(/[\\,=]/g, '\\$&')}`;
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new KubeDecodeError(
    `the read API returned an object that this plugin does not understand: ${z.prettifyError(parsed.error)}`,
  );
}

function explainReadApiError(error: KubeError): Error {
  const { status, message, details } = error;
  if (status === 403) return new ReadApiUnavailable('you may not read the whole ledger', { forbidden: true });
  if (status === 404 && details?.name === undefined) {
    return new ReadApiUnavailable('it is not installed', { forbidden: false });
  }
  if (status >= 500) return new ReadApiUnavailable(message, { forbidden: false });
  return status === 400 ? new UserError(`${message}.`, 'Correct the value and try again.') : error;
}
