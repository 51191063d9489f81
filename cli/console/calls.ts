import type { z } from 'zod';
import type { AuditEntries, AuditFilter } from '../../api/console.ts';
import { decodeAuditEntry } from '../../ledger/view/audit-entry-view.ts';
import { auditCsv } from '../output/audit.ts';
import { csvLines } from '../output/csv.ts';
import { escapeJson } from '../output/invisible.ts';
import { LIMITS } from './limits.ts';
import {
  actionBody,
  addressQuery,
  allowedQuery,
  auditQuery,
  downloadQuery,
  historyQuery,
  mapQuery,
  nothing,
  parseWith,
  searchQuery,
} from './parameters.ts';
import type { ConsoleSource } from './source.ts';

/** What a call returns. `file`: the browser stores it under this name. */
export type Reply =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly name: string; readonly type: string; readonly text: string };

/** A call of the API: `input` is the query of a GET or the body of a POST. */
export interface Call {
  readonly method: 'GET' | 'POST';
  readonly run: (source: ConsoleSource, input: unknown, signal: AbortSignal) => Promise<Reply>;
}

/** The calls by their paths. */
export const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ['/api/about', read(nothing, (source) => source.about())],
  ['/api/pools', read(nothing, (source) => source.pools())],
  ['/api/history', read(historyQuery, (source, { pool, days }) => source.history(pool, days))],
  ['/api/search', read(searchQuery, (source, { q, limit }) => source.search(q, limit))],
  ['/api/address', read(addressQuery, async (source, { mac }) => (await source.address(mac)) ?? null)],
  ['/api/neighbours', read(addressQuery, (source, { mac }) => source.neighbours(mac))],
  ['/api/audit', read(auditQuery, (source, filter, signal) => source.audit(filter, signal))],
  ['/api/clusters', read(nothing, (source) => source.clusters())],
  ['/api/ledger', read(nothing, async (source) => (await source.ledgerState()) ?? null)],
  ['/api/allowed', read(allowedQuery, (source, subject) => source.actions.allowed(subject))],
  ['/api/map', { method: 'GET', run: readMap }],
  ['/api/audit.csv', download('csv', (page) => csvLines(auditCsv(page.entries.map(decodeAuditEntry))).join('\n'))],
  ['/api/audit.json', download('json', (page) => escapeJson(JSON.stringify({ items: page.entries }, null, 2)))],
  ['/api/plan', write((source, action) => source.actions.plan(action))],
  ['/api/act', write((source, action) => source.actions.act(action))],
]);

type Run<T> = (source: ConsoleSource, input: T, signal: AbortSignal) => Promise<unknown>;

function read<T>(schema: z.ZodType<T>, run: Run<T>): Call {
  return {
    method: 'GET',
    run: async (source, input, signal) => ({
      kind: 'json',
      value: await run(source, parseWith(schema, input), signal),
    }),
  };
}

function write(run: Run<z.infer<typeof actionBody>>): Call {
  return {
    method: 'POST',
    run: async (source, input, signal) => ({
      kind: 'json',
      value: await run(source, parseWith(actionBody, input), signal),
    }),
  };
}

async function readMap(source: ConsoleSource, input: unknown): Promise<Reply> {
  const { first, count, q } = parseWith(mapQuery, input);
  return { kind: 'bytes', bytes: await source.map(first, count, q) };
}

const TYPES = { csv: 'text/csv; charset=utf-8', json: 'application/json; charset=utf-8' } as const;

function download(format: keyof typeof TYPES, print: (page: AuditEntries) => string): Call {
  return {
    method: 'GET',
    run: async (source, input, signal) => {
      const filter: AuditFilter = { ...parseWith(downloadQuery, input), limit: LIMITS.downloadRows };
      const page = await source.audit(filter, signal);
      const part = page.isCut ? `-newest-${String(page.entries.length)}` : '';
      return { kind: 'file', name: `rock-mac-audit${part}.${format}`, type: TYPES[format], text: `${print(page)}\n` };
    },
  };
}
