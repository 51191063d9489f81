import type {
  About,
  AuditEntries,
  AuditFilter,
  Condition,
  MissingPart,
  Neighbour,
  PoolView,
} from '../../api/console.ts';
import type { AddressObject } from '../../api/ledger-view.ts';
import type { MacPoolStatus } from '../../api/mac-pool.ts';
import { macPools } from '../../kube/client/mac-resources.ts';
import { decodeAddress } from '../../ledger/view/address-view.ts';
import { decodeObservation } from '../../ledger/view/observation-view.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { assignmentOf } from '../assignment.ts';
import type { Address } from '../backend.ts';
import { auditQuery } from '../console/audit-query.ts';
import { neighbourRange, statesOfMap, withHolders } from '../console/neighbours.ts';
import type { ConsoleData } from '../console/source.ts';
import {
  addressDetails,
  clusterView,
  daysBefore,
  historyPoint,
  ledgerView,
  poolView,
  searchHit,
} from '../console/views.ts';
import { UserError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { explainErrors } from './explain-kube-error.ts';
import {
  ADDRESSES,
  AUDIT_ENTRIES,
  CLUSTERS,
  type LedgerReader,
  LEDGERS,
  OBSERVATIONS,
  POOL_HOURS,
  type ReadApiKind,
  ReadApiUnavailable,
} from './ledger-reader.ts';
import { auditEntriesOfLedger, hoursOfLedger, mapOfLedger, searchLedger, statsOfLedger } from './read-ledger.ts';
import { mapOfObjects, objectAddresses, searchObjects } from './read-objects.ts';
import { poolsOfCluster, statsOfCluster } from './read-pools.ts';
import type { Scope } from './scope.ts';
import { withoutReadApi } from './without-read-api.ts';

export interface ConsoleDataDeps {
  readonly reader: LedgerReader;
  readonly scope: Scope;
  /** The user and the context of the kubeconfig, for people. */
  readonly user: string;
  readonly place: string;
  readonly now: () => Date;
}

/** The read API allows at most this. */
const WAIT_SECONDS = 20;

/** Requests for single addresses that run at the same time. */
const REQUESTS_AT_ONCE = 4;

/**
 * Reads what the console shows through the Kubernetes API. What the read API does not give to this user comes from MacAllocations and
 * MacPools, or is missing.
 */
export function createClusterConsoleData(deps: ConsoleDataDeps): ConsoleData {
  const { reader, scope, now } = deps;
  const explained = explainErrors(scope);
  return {
    about: explained(() => about(deps)),
    pools: explained(() => poolViews(reader, scope)),
    history: explained((pool, sinceDays) =>
      optional(
        async () => (await hoursOfLedger(reader, daysBefore(now(), sinceDays), pool)).map(historyPoint),
        () => Promise.resolve([]),
      ),
    ),
    map: explained((first, count, search) =>
      optional(
        () => mapOfLedger(reader, first, count, search),
        () => mapOfObjects(scope, first, count, search),
      ),
    ),
    search: explained(async (text, limit) => {
      const wanted = text.trim();
      const found = await optional<Address[]>(
        () => searchLedger(reader, wanted, limit),
        () => searchObjects(scope, wanted, limit),
      );
      return found.map((address) => searchHit(address, wanted));
    }),
    address: explained(async (mac) => {
      const address = await optional(
        () => addressOfLedger(reader, mac),
        async () => (await objectAddresses(scope)).find((each) => each.mac === mac),
      );
      return address === undefined ? undefined : addressDetails(address, await assignmentOf(mac), now());
    }),
    neighbours: explained((mac) => neighboursOf(reader, scope, mac)),
    audit: explained((filter, signal) => readAudit(reader, filter, signal)),
    clusters: explained(() =>
      optional(
        async () => (await reader.list(CLUSTERS, { fields: {} })).items.map(clusterView),
        () => Promise.resolve([]),
      ),
    ),
    ledgerState: explained(() =>
      optional(
        async () => (await reader.list(LEDGERS, { fields: {} })).items.map(ledgerView)[0],
        () => Promise.resolve(undefined),
      ),
    ),
  };
}

/** Reads the ledger, or what replaces it while the read API cannot be used. */
async function optional<T>(read: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ReadApiUnavailable)) throw error;
    return await otherwise();
  }
}

function mapped<T, R>(value: T | undefined, map: (value: T) => R): R | undefined {
  return value === undefined ? undefined : map(value);
}

function decoded(object: AddressObject | undefined): Address | undefined {
  return mapped(object, decodeAddress);
}

/** Returns an address with the live objects that use it without owning it, as far as this user may see them. */
async function addressOfLedger(reader: LedgerReader, mac: MacAddress): Promise<Address | undefined> {
  const address = decoded(await reader.get(ADDRESSES, mac));
  if (address === undefined) return undefined;
  const observations = await optional(
    async () => (await reader.list(OBSERVATIONS, { fields: { mac } })).items.map(decodeObservation),
    () => Promise.resolve([]),
  );
  const observedOn = observations.map(({ object, since }) => ({ ...object, since }));
  return observedOn.length === 0 ? address : { ...address, observedOn };
}

const PARTS: readonly (readonly [MissingPart['part'], ReadApiKind<unknown>])[] = [
  ['addresses', ADDRESSES],
  ['audit', AUDIT_ENTRIES],
  ['history', POOL_HOURS],
  ['clusters', CLUSTERS],
  ['ledger', LEDGERS],
];

async function about({ reader, scope, user, place }: ConsoleDataDeps): Promise<About> {
  const missing: MissingPart[] = [];
  for (const [part, kind] of PARTS) {
    try {
      await reader.list(kind, { fields: {}, limit: 1 });
    } catch (error) {
      if (!(error instanceof ReadApiUnavailable)) throw error;
      const { cause: why, nextStep } = withoutReadApi('This', error);
      missing.push({ part, why, nextStep });
    }
  }
  return {
    mode: 'cluster',
    program: 'kubectl rock-mac',
    user,
    place,
    namespace: scope.namespace,
    programVersion: packageJson.version,
    missing,
  };
}

type StoredCondition = NonNullable<MacPoolStatus['conditions']>[number];

/** Returns the counts of the ledger or of the MacPools, with the periods and conditions of the MacPools. */
async function poolViews(reader: LedgerReader, scope: Scope): Promise<PoolView[]> {
  const counts = await optional(
    () => statsOfLedger(reader),
    () => statsOfCluster(scope),
  );
  const pools = await poolsOfCluster(scope);
  const conditions = new Map(
    (await scope.client.list(macPools)).items.map((each) => [each.metadata.name, each.status?.conditions]),
  );
  return counts.map((each) => ({
    ...poolView(each, pools),
    // What a person asked for. A condition says if the ledger does not follow.
    paused: pools.find(({ name }) => name === each.pool)?.paused ?? each.paused,
    conditions: conditions.get(each.pool)?.map(conditionView),
  }));
}

function conditionView({ type, status, reason, message, lastTransitionTime: since }: StoredCondition): Condition {
  return { type, status, reason, message, since };
}

async function neighboursOf(reader: LedgerReader, scope: Scope, mac: MacAddress): Promise<Neighbour[]> {
  const range = neighbourRange(mac, await poolsOfCluster(scope));
  if (range === undefined) return [];
  const { first, count } = range;
  const states = await optional(
    () => mapOfLedger(reader, first, count),
    () => mapOfObjects(scope, first, count),
  );
  const around = statesOfMap(first, states);
  const used = around.filter(({ state }) => state !== 'neverUsed');
  const addresses = await optional(
    () => inParallel(used, REQUESTS_AT_ONCE, async (each) => decoded(await reader.get(ADDRESSES, each.mac))),
    () => objectAddresses(scope),
  );
  return withHolders(
    around,
    addresses.filter((each) => each !== undefined),
  );
}

async function readAudit(reader: LedgerReader, filter: AuditFilter, signal?: AbortSignal): Promise<AuditEntries> {
  const waitSeconds = filter.afterId === undefined ? undefined : WAIT_SECONDS;
  try {
    return await auditEntriesOfLedger(auditQuery(filter), reader, { waitSeconds, signal });
  } catch (error) {
    throw error instanceof ReadApiUnavailable ? UserError.from(withoutReadApi('The audit', error)) : error;
  }
}
