import type { Address, Backend, FoundAddresses, Releases } from '../backend.ts';
import { type CommandRefusal, commandRefusal, UserError } from '../errors.ts';
import { type AddressSource, followAddresses } from '../follow-addresses.ts';
import { poolForReservation } from '../pool-for-reservation.ts';
import type { Target } from '../target.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { changeMacPool } from './change-mac-pool.ts';
import { claimName, claimNames } from './claim-name.ts';
import { explainErrors } from './explain-kube-error.ts';
import { findAllocations } from './find-claims.ts';
import { createLedgerReader, type LedgerReader, ReadApiUnavailable } from './ledger-reader.ts';
import { listFromLedger, listFromObjects, namespaceOf } from './list-addresses.ts';
import { listObserved } from './list-observed.ts';
import { autoReleaseSeconds, makeClaim, makeClaims } from './make-claim.ts';
import {
  auditOfLedger,
  findInLedger,
  hoursOfLedger,
  mapOfLedger,
  prefixesOfLedger,
  searchLedger,
  statsOfLedger,
} from './read-ledger.ts';
import { mapOfObjects, searchObjects } from './read-objects.ts';
import { poolsOfCluster, statsOfCluster } from './read-pools.ts';
import { findReleasable, releaseSeen } from './release-all-claims.ts';
import { releaseClaims } from './release-claims.ts';
import { renewClaims } from './renew-claims.ts';
import { reservationsOfCluster } from './reservations.ts';
import type { Scope } from './scope.ts';
import { suggest } from './suggest.ts';
import { transferClaim } from './transfer-claim.ts';
import { watchAddresses } from './watch-addresses.ts';
import { withoutReadApi } from './without-read-api.ts';

/** Runs the commands through the Kubernetes API, with the permissions of the user. */
export function createClusterBackend(scope: Scope): Backend {
  const reader = createLedgerReader(scope);
  const explained = explainErrors(scope);
  const find = (target: Target) => findAddresses(target, reader, scope);
  return {
    allocate: explained(async ({ requestKey, ...request }) => {
      const period = await autoReleaseSeconds(request.pool, scope);
      const expiresAfterSeconds = request.expiresAfterSeconds ?? period;
      return await makeClaim({ ...request, expiresAfterSeconds }, requestKey, scope);
    }),
    // Workloads take the claims of a set from each other, so none of them may expire meanwhile.
    allocateSet: explained(async ({ count, namePrefix, requestKey, ...request }) =>
      makeClaims(claimNames(count, namePrefix ?? claimName(undefined, requestKey)), request, scope),
    ),
    reserve: explained(async ({ requestKey, mac: requestedMac, ...request }) => {
      const pool = poolForReservation({ pool: request.pool, mac: requestedMac }, await poolsOfCluster(scope));
      return await makeClaim({ ...request, pool, requestedMac, reserved: true }, requestKey, scope);
    }),
    transfer: explained((request) => transferClaim(request, scope)),
    set: explained(() => Promise.resolve({ kind: 'refused', refusal: CLAIMS_KEEP_THEIR_METADATA } as const)),
    release: explained(async (target, options) => {
      const claims = await findAllocations(target, scope);
      if (claims.length > 0) return await releaseClaims(claims, options, scope);
      const { addresses } = await find(target);
      return refuseElsewhere(addresses);
    }),
    releasable: explained((query) => findReleasable(query, scope)),
    releaseEach: explained((addresses, options) => releaseSeen(addresses, options, scope)),
    renew: explained(async (target, options) => renewClaims(await findAllocations(target, scope), options, scope)),
    find: explained(find),
    // Only MacAllocations have labels.
    list: explained((query) =>
      query.labels !== undefined
        ? listFromObjects(query, scope)
        : readOrFallBack(
            () => listFromLedger(query, reader, scope),
            () => listFromObjects(query, scope),
            scope,
          ),
    ),
    listObserved: explained((query) =>
      fromLedgerOnly('The list of observed addresses', () => listObserved(query, reader, scope)),
    ),
    watch: explained((query, listener) => {
      if (query.labels !== undefined) return watchAddresses(query, listener, scope);
      const namespace = namespaceOf(query, scope);
      return readOrFallBack(
        () => followAddresses(ledgerSource(reader, scope), { ...query, namespace }, listener),
        () => watchAddresses(query, listener, scope),
        scope,
      );
    }),
    reservations: (query) => reservationsOfCluster(query, reader, scope),
    stats: explained(() =>
      readOrFallBack(
        () => statsOfLedger(reader),
        () => statsOfCluster(scope),
        scope,
      ),
    ),
    search: explained((text, limit) =>
      readOrFallBack<Address[]>(
        () => searchLedger(reader, text, limit),
        () => searchObjects(scope, text, limit),
        scope,
      ),
    ),
    history: explained(async (since) => {
      try {
        return await hoursOfLedger(reader, since);
      } catch (error) {
        throw error instanceof ReadApiUnavailable ? UserError.from(withoutReadApi('The history', error)) : error;
      }
    }),
    map: explained((first, count) =>
      readOrFallBack<Uint8Array>(
        () => mapOfLedger(reader, first, count),
        () => mapOfObjects(scope, first, count),
        scope,
      ),
    ),
    audit: explained((query) => fromLedgerOnly('The audit', () => auditOfLedger(query, reader))),
    pools: explained(() => poolsOfCluster(scope)),
    changePool: explained((change) => changeMacPool(change, scope)),
    prefixes: explained(() => fromLedgerOnly('The list of prefixes', () => prefixesOfLedger(reader))),
    suggest: (prefix, limit) => suggest(prefix, limit, scope),
    close: () => scope.client.close(),
  };
}

async function findAddresses(target: Target, reader: LedgerReader, scope: Scope): Promise<FoundAddresses> {
  return await readOrFallBack<FoundAddresses>(
    async () => ({ addresses: await findInLedger(target, reader, scope), fromLedger: true }),
    async () => {
      const allocations = await findAllocations(target, scope);
      return { addresses: allocations.flatMap((each) => addressOfAllocation(each) ?? []), fromLedger: false };
    },
    scope,
  );
}

function ledgerSource(reader: LedgerReader, scope: Scope): AddressSource {
  return {
    list: (query) => listFromLedger(query, reader, scope),
    audit: (query) => auditOfLedger(query, reader),
    findByMac: (address) => findInLedger({ kind: 'mac', text: address, mac: address }, reader, scope),
  };
}

/** Reads the ledger. If the read API cannot be used, says so and reads the objects of the cluster instead. */
async function readOrFallBack<T>(
  readLedger: () => Promise<T>,
  readObjects: () => Promise<T>,
  { allNamespaces, namespace, notify }: Scope,
): Promise<T> {
  try {
    return await readLedger();
  } catch (error) {
    if (!(error instanceof ReadApiUnavailable)) throw error;
    const where = allNamespaces ? 'all namespaces' : `namespace ${namespace}`;
    notify(
      `Note: without the ledger's read API (${error.message}) only MacAllocations of ${where} and MacPools are shown.`,
    );
    return await readObjects();
  }
}

/** Reads what no object of the cluster shows. */
async function fromLedgerOnly<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof ReadApiUnavailable ? UserError.from(withoutReadApi(what, error)) : error;
  }
}

const CLAIMS_KEEP_THEIR_METADATA = commandRefusal(
  'The attributes of a MacAllocation cannot be changed, so nothing was set.',
  'Create a new claim with the right ones: `kubectl rock-mac allocate --metadata`. For devices outside of clusters, use `rock-mac set`.',
);

/** Refuses to release addresses that no MacAllocation of the namespace holds. */
function refuseElsewhere(addresses: readonly Address[]): Releases {
  const held = addresses.filter(({ state }) => state !== 'released');
  return { released: [], left: [], kept: held.map((address) => ({ address, refusal: heldElsewhere(address) })) };
}

/** Names the holder of an address that no claim of the namespace holds, and who can release it. */
function heldElsewhere({ mac, state, owner, device }: Address): CommandRefusal {
  if (owner === undefined) {
    return commandRefusal(
      `${mac} is held by device ${device?.id ?? '(without a name)'} outside clusters, so it was not released.`,
      'Release it where it was allocated: `rock-mac release`.',
      'conflict',
    );
  }
  if (state === 'stocked') {
    return commandRefusal(
      `${mac} is stock of the webhook ${owner.name}, so it was not released.`,
      'The webhook gives it to a pod or returns it.',
      'conflict',
    );
  }
  const { kind, namespace, name } = owner;
  const next =
    kind === 'MacAllocation'
      ? `Release it there: \`kubectl rock-mac release ${mac} -n ${namespace}\`, in the cluster that it is in.`
      : `Delete the ${kind.toLowerCase()}: that releases the address.`;
  return commandRefusal(`${mac} is held by ${kind} ${namespace}/${name}, so it was not released.`, next, 'conflict');
}
