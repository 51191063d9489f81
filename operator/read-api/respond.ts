import { LEDGER_KINDS, type LedgerPlural } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import type { TokenOwner } from '../../kube/client/reviews.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { AccessCheck } from './access.ts';
import { addresses } from './addresses.ts';
import { auditEntries } from './audit-entries.ts';
import { writeContinue } from './continue-token.ts';
import { apiGroup, apiGroupList, apiResourceList } from './discovery.ts';
import { parseListQuestion } from './list-query.ts';
import { openApiDocument, openApiIndex } from './open-api.ts';
import { pools } from './pools.ts';
import { Problem } from './problem.ts';
import type { Route } from './route.ts';
import { tableOf, wantsTable } from './table.ts';
import type { ViewResource } from './view-resource.ts';

export interface Answering {
  readonly ledger: Queryable;
  readonly checkAccess: AccessCheck;
  readonly now: () => Date;
}

/** How somebody wants to be answered. */
export interface Asked {
  readonly caller: TokenOwner;
  readonly query: URLSearchParams;
  readonly accept: string;
}

/** Answers the body of one question. Throws a Problem, or what the ledger or the API server threw. */
export async function answer(route: Route, asked: Asked, answering: Answering): Promise<unknown> {
  switch (route.route) {
    // Which kinds there are is no secret of anybody who may talk to the API server at all.
    case 'groups':
      return apiGroupList;
    case 'group':
      return apiGroup;
    case 'version':
      return apiResourceList;
    case 'openapi-index':
      return openApiIndex;
    case 'openapi':
      return openApiDocument;
    case 'list':
    case 'get':
      return await read(route, asked, answering);
  }
}

async function read(route: Extract<Route, { plural: string }>, asked: Asked, answering: Answering): Promise<unknown> {
  switch (kindOf(route.plural)) {
    case 'addresses':
      return await readOf(addresses, route, asked, answering);
    case 'auditentries':
      return await readOf(auditEntries, route, asked, answering);
    case 'pools':
      return await readOf(pools, route, asked, answering);
  }
}

interface Named {
  readonly metadata: { readonly name: string };
}

async function readOf<T extends Named>(
  resource: ViewResource<T>,
  route: Extract<Route, { plural: string }>,
  asked: Asked,
  answering: Answering,
): Promise<unknown> {
  const { plural } = route;
  if (isWatch(asked.query)) throw notAllowed('nothing here can be watched: list it again instead');
  const name = route.route === 'get' ? route.name : undefined;
  await answering.checkAccess(asked.caller, { verb: route.route, plural, name });
  return name === undefined
    ? await list(resource, plural, asked, answering)
    : await get(resource, { plural, name }, asked, answering);
}

async function list<T extends Named>(
  resource: ViewResource<T>,
  plural: string,
  { query, accept }: Asked,
  { ledger, now }: Answering,
): Promise<unknown> {
  const question = parseListQuestion(query, resource);
  const { items, end } = await resource.list(ledger, question);
  const metadata = end === undefined ? {} : { continue: writeContinue(end) };
  if (wantsTable(accept)) {
    return tableOf(items, resource.columns(now()), metadata, query.get('includeObject') ?? '');
  }
  return { kind: listKindOf(plural), apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`, metadata, items };
}

async function get<T extends Named>(
  resource: ViewResource<T>,
  { plural, name }: { readonly plural: string; readonly name: string },
  { query, accept }: Asked,
  { ledger, now }: Answering,
): Promise<unknown> {
  const object = await resource.get(ledger, name);
  if (object === undefined) {
    throw new Problem(404, 'NotFound', `${plural}.${LEDGER_GROUP} ${JSON.stringify(name)} not found`, {
      group: LEDGER_GROUP,
      kind: plural,
      name,
    });
  }
  if (!wantsTable(accept)) return object;
  return tableOf([object], resource.columns(now()), {}, query.get('includeObject') ?? '');
}

export function notAllowed(message: string): Problem {
  return new Problem(405, 'MethodNotAllowed', message);
}

function kindOf(plural: string): LedgerPlural {
  const known = LEDGER_KINDS.find((each) => each.plural === plural);
  if (known === undefined) throw notThere();
  return known.plural;
}

function listKindOf(plural: string): string {
  return `${LEDGER_KINDS.find((each) => each.plural === plural)?.kind ?? ''}List`;
}

/** In the words of the API server. */
export function notThere(): Problem {
  return new Problem(404, 'NotFound', 'the server could not find the requested resource');
}

function isWatch(query: URLSearchParams): boolean {
  return ['true', '1'].includes(query.get('watch') ?? '');
}
