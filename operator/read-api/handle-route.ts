import { LEDGER_KINDS, type LedgerPlural } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import type { TokenOwner } from '../../kube/client/reviews.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { AccessCheck } from './access.ts';
import { addresses } from './addresses.ts';
import { auditEntries } from './audit-entries.ts';
import { clusters } from './clusters.ts';
import { encodeContinueToken } from './continue-token.ts';
import { apiGroup, apiGroupList, apiResourceList } from './discovery.ts';
import { ledgers } from './ledgers.ts';
import { parseListParameters } from './list-parameters.ts';
import type { LongPoll } from './long-poll.ts';
import { observations } from './observations.ts';
import { openApiDocument, openApiIndex } from './open-api.ts';
import type { Route } from './parse-route.ts';
import { poolHours } from './pool-hours.ts';
import { pools } from './pools.ts';
import type { ReadApiResource } from './read-api-resource.ts';
import { seals } from './seals.ts';
import { stateMaps } from './state-maps.ts';
import { methodNotAllowed, pathNotFound, StatusError } from './status-error.ts';
import { toTable, wantsTable } from './table.ts';

export interface RouteDeps {
  readonly ledger: Queryable;
  readonly checkAccess: AccessCheck;
  readonly now: () => Date;
  readonly longPoll: LongPoll;
}

/** The parts of a request that its response depends on. */
export interface ReadRequest {
  readonly caller: TokenOwner;
  readonly query: URLSearchParams;
  /** The Accept header. */
  readonly accept: string;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
}

type ResourceRoute = Extract<Route, { plural: string }>;

/** Returns the body of the response. Throws a StatusError, or an error of the ledger or the Kubernetes client. */
export async function handleRoute(route: Route, request: ReadRequest, deps: RouteDeps): Promise<unknown> {
  switch (route.route) {
    // Discovery needs no permission: it reveals only which kinds exist.
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
      return await readResource(route, request, deps);
  }
}

async function readResource(route: ResourceRoute, request: ReadRequest, deps: RouteDeps): Promise<unknown> {
  switch (requireKnownPlural(route.plural)) {
    case 'addresses':
      return await authorizeAndRead(addresses, route, request, deps);
    case 'auditentries':
      return await authorizeAndRead(auditEntries, route, request, deps);
    case 'clusters':
      return await authorizeAndRead(clusters, route, request, deps);
    case 'ledgers':
      return await authorizeAndRead(ledgers, route, request, deps);
    case 'poolhours':
      return await authorizeAndRead(poolHours, route, request, deps);
    case 'observations':
      return await authorizeAndRead(observations, route, request, deps);
    case 'pools':
      return await authorizeAndRead(pools, route, request, deps);
    case 'seals':
      return await authorizeAndRead(seals, route, request, deps);
    case 'statemaps':
      return await authorizeAndRead(stateMaps, route, request, deps);
  }
}

interface NamedObject {
  readonly metadata: { readonly name: string };
}

async function authorizeAndRead<T extends NamedObject>(
  resource: ReadApiResource<T>,
  route: ResourceRoute,
  request: ReadRequest,
  deps: RouteDeps,
): Promise<unknown> {
  const { plural } = route;
  if (isWatch(request.query)) throw methodNotAllowed('this API cannot be watched: list again instead');
  const name = route.route === 'get' ? route.name : undefined;
  await deps.checkAccess(request.caller, { verb: route.route, plural, name });
  return name === undefined
    ? await listObjects(resource, plural, request, deps)
    : await getObject(resource, { plural, name }, request, deps);
}

async function listObjects<T extends NamedObject>(
  resource: ReadApiResource<T>,
  plural: string,
  { query, accept, signal }: ReadRequest,
  { ledger, now, longPoll }: RouteDeps,
): Promise<unknown> {
  const parameters = parseListParameters(query, resource);
  let reached: number | undefined;
  const { items, end } = await longPoll.until(
    async () => {
      const page = await resource.list(ledger, parameters, reached);
      ({ reached } = page);
      return page;
    },
    (page) => page.items.length > 0,
    { seconds: parameters.waitSeconds, signal },
  );
  const metadata = {
    ...(end !== undefined && { continue: encodeContinueToken(end) }),
    ...(reached !== undefined && { resourceVersion: String(reached) }),
  };
  if (wantsTable(accept)) {
    return toTable(items, resource.columns(now()), metadata, query.get('includeObject') ?? '');
  }
  return { kind: listKindOf(plural), apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`, metadata, items };
}

async function getObject<T extends NamedObject>(
  resource: ReadApiResource<T>,
  { plural, name }: { readonly plural: string; readonly name: string },
  { query, accept }: ReadRequest,
  { ledger, now }: RouteDeps,
): Promise<unknown> {
  const object = await resource.get(ledger, name, query);
  if (object === undefined) {
    throw new StatusError(404, 'NotFound', `${plural}.${LEDGER_GROUP} ${JSON.stringify(name)} not found`, {
      group: LEDGER_GROUP,
      kind: plural,
      name,
    });
  }
  if (!wantsTable(accept)) return object;
  return toTable([object], resource.columns(now()), {}, query.get('includeObject') ?? '');
}

function requireKnownPlural(plural: string): LedgerPlural {
  const known = LEDGER_KINDS.find((each) => each.plural === plural);
  if (known === undefined) throw pathNotFound();
  return known.plural;
}

function listKindOf(plural: string): string {
  return `${LEDGER_KINDS.find((each) => each.plural === plural)?.kind ?? ''}List`;
}

function isWatch(query: URLSearchParams): boolean {
  return ['true', '1'].includes(query.get('watch') ?? '');
}
