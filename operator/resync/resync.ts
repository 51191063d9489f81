import { isClaim } from '../../api/mac-allocation.ts';
import { readClusterId } from '../../kube/client/cluster-id.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { formatKey, keyOf } from '../../kube/client/objects.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { freeGap } from '../../ledger/state/recovery.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { type ReleaseByKeyDeps, releaseForEndedGuests } from '../allocation/release-by-key.ts';
import { statusMac } from '../claim/ledger-items.ts';
import type { Contested, ContestedAddresses } from '../collision/contested.ts';
import type { CollisionScope } from '../collision/find-collision.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type Sources, stickyIndex } from '../controller/operator-sources.ts';
import { listLiveWorkloads } from '../live/list-live.ts';
import { type LiveAddress, liveAddresses, type WorkloadAddress } from '../live/live-address.ts';
import type { LiveWorkload } from '../live/workload.ts';
import { type ContestedDeps, isContested } from '../observation/is-contested.ts';
import type { ForeignAddress } from '../workload/grant-or-observe.ts';
import { isRecorded } from '../workload/record-offer.ts';
import { findRelation, type Relation, type RelationDeps } from '../workload/relation.ts';
import { addressesSeen, type AddressUse } from './addresses-seen.ts';
import { autoRelease, type AutoReleaseDeps } from './auto-release.ts';
import { findRowsByMac, inBatches } from './batches.ts';
import { compareStickyClaims } from './compare-sticky-claims.ts';
import { findGoneHolders, reclaimStock, type ReclaimStockDeps } from './reclaim-stock.ts';
import { syncObservations, type SyncObservationsDeps } from './sync-observations.ts';

export type ResyncDeps = Pick<OperatorDeps, 'kubeSystemUid' | 'readPrefixes'> &
  AutoReleaseDeps &
  ReleaseByKeyDeps &
  SyncObservationsDeps &
  RelationDeps &
  ReclaimStockDeps &
  Pick<Sources, 'allocations' | 'pools' | 'workloads' | 'workloadOutOfSync' | 'stickyChanged'> & {
    readonly contested: ContestedAddresses;
  };

/**
 * Compares everything that lives in the cluster with everything that the ledger holds for it:
 * - An address in use that the ledger gave to nobody is observed. With a proof, the reconcile of its object adopts it.
 * - An address that no object uses, or only others than its owner, is marked as missing, and released after its pool's
 *   period.
 * - An address that two objects use is reported. People resolve it.
 * - The stock of a webhook that is gone is returned.
 *
 * A resync counts only as a whole: every page of quorum lists, from the cluster that the ledger knows. Any error ends it
 * before anything is marked or released.
 */
export async function runResync(deps: ResyncDeps): Promise<void> {
  const { ledger, client, clusterId, logger, metrics, workloads, scope } = deps;
  const started = performance.now();
  const lastResyncAt = await requireOwnCluster(deps);
  // The ledger's time before the lists: this resync ignores rows that change later.
  const startedAt = await ledgerTime(ledger);
  const listedAt = deps.goneHolders.now();
  const prefixes = await deps.readPrefixes();
  const objects = await listLiveWorkloads(deps, ({ kind, workload }) =>
    workloads.get(kind.resource.kind)?.cache.get(keyOf(workload)),
  );
  const isAllocatedClaim = (each: MacAllocation) => isClaim(each) && each.status?.mac !== undefined;
  const claims = (await client.list(macAllocations, { keep: isAllocatedClaim })).items;
  const gone = await findGoneHolders(deps);
  // The API server's address may have led to another cluster between the lists.
  await requireOwnCluster(deps);

  const { foreign, contested, uncontested } = await compareWorkloads(objects, deps);
  const ofClaims = await compareClaims(claims, deps);
  const conflicts = [...contested.map((each) => contestedOf(each, deps)), ...ofClaims];
  const seen = addressesSeen([
    ...usesOfWorkloads(objects, contested),
    // An object may have an address on two interfaces, and own it on one of them.
    { macs: uncontested, contested: [] },
    ...usesOfClaims(claims, ofClaims),
  ]);
  const { observed, ended } = await syncObservations(foreign, startedAt, deps);
  const { marked, cleared } = await markMissing(ledger, {
    clusterId,
    startedAt,
    prefixes,
    seen: [...seen].filter((mac) => scope.isOurs(mac)),
  });
  deps.contested.replace(conflicts);
  await deps.elsewhere.replace(deps.onLink.macs());
  const sinceLastResyncMs = lastResyncAt === undefined ? 0 : startedAt.getTime() - lastResyncAt.getTime();
  await releaseForEndedGuests(deps);
  await compareStickyClaims(deps);
  const released = await autoRelease(deps.pools.list(), sinceLastResyncMs, deps);
  await reclaimStock(gone, { objects, listedAt }, deps);
  const freed = await freeGap(ledger, { actor: deps.actor });
  if (freed > 0) logger.info({ count: freed }, 'addresses that a failover had set aside are free again');
  const durationMs = Math.round(performance.now() - started);
  metrics.resyncEnded({ durationMs });
  const level = marked + cleared + released + ended + conflicts.length > 0 ? 'info' : 'debug';
  logger[level](
    { seen: seen.size, marked, cleared, observed, ended, released, conflicts: conflicts.length, durationMs },
    'compared the cluster with the ledger',
  );
}

/** Throws unless the API server is the cluster that the ledger knows by our id. Returns the time of its last resync. */
async function requireOwnCluster({
  client,
  ledger,
  clusterId,
  kubeSystemUid,
}: Pick<OperatorDeps, 'client' | 'ledger' | 'clusterId' | 'kubeSystemUid'>): Promise<Date | undefined> {
  const found = await readClusterId(client);
  if (found !== kubeSystemUid) {
    throw new Error(
      `The API server belongs to cluster ${found}, not to ${kubeSystemUid}, so nothing was compared. Restart the operator`,
    );
  }
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known === undefined || known.retiredAt !== undefined) {
    throw new Error(`The ledger does not have cluster ${clusterId}, or it was retired, so nothing was compared`);
  }
  return known.lastResyncAt;
}

interface ComparedWorkloads {
  /** Addresses of workloads that do not own them. */
  readonly foreign: readonly ForeignAddress[];
  /** Those that another owner holds, whose guest they are not. */
  readonly contested: readonly ForeignAddress[];
  /** All other addresses. */
  readonly uncontested: readonly MacAddress[];
}

/** Compares workloads with the ledger. Has each reconciled whose address is not bound to it yet, has no mirror, or is another's. */
async function compareWorkloads(
  objects: readonly LiveWorkload[],
  deps: Pick<ResyncDeps, 'ledger' | 'client' | 'clusterId' | 'allocations' | 'workloadOutOfSync' | 'scope'> &
    RelationDeps &
    ContestedDeps,
): Promise<ComparedWorkloads> {
  const foreign: ForeignAddress[] = [];
  const held: ForeignAddress[] = [];
  const uncontested: MacAddress[] = [];
  for (const batch of inBatches(objects)) {
    const macs = batch
      .flatMap(({ workload }) => workload.nics.map(({ mac }) => mac))
      .filter((mac) => deps.scope.isOurs(mac));
    const rows = await findRowsByMac(macs, deps);
    for (const object of batch) {
      for (const live of liveAddresses(object.workload, object.kind, deps)) {
        if (!deps.scope.includes(live)) continue;
        const address = { ...live, ...object };
        const row = rows.get(address.mac);
        const relation = await findRelation(address, row, deps);
        if (isOutOfSync(address, relation, row, deps) || isOfferOutOfSync(address, relation, row))
          deps.workloadOutOfSync.fire(object);
        if (relation === 'ungranted') foreign.push({ address, row, isHeld: false });
        if (isHeldByOthers(relation)) foreign.push({ address, row, isHeld: true });
        if (relation === 'conflict' || relation === 'offered') held.push({ address, row, isHeld: true });
        else uncontested.push(address.mac);
      }
    }
  }
  return { foreign, contested: await onlyContested(held, deps), uncontested };
}

function isHeldByOthers(relation: Relation): boolean {
  return relation === 'set-aside' || relation === 'offered' || relation === 'conflict';
}

function isOutOfSync(
  { owner }: LiveAddress,
  relation: Relation,
  row: AddressRow | undefined,
  { allocations }: Pick<ResyncDeps, 'allocations'>,
): boolean {
  // Its claim could not be created before, or somebody else has an object of that name.
  if (relation === 'sticky')
    return row?.state !== 'active' || allocations.by('sticky', stickyIndex(owner)).length === 0;
  // An address that an admin adopted, or whose mirror could not be created before.
  if (relation === 'own') return allocations.by('consumer', owner.uid).length === 0;
  return typeof relation === 'object' || ['pending', 'inherited', 'later', 'offered', 'conflict'].includes(relation);
}

/** An offer that the ledger refused may be possible by now, and a failover may have lost a recorded one. */
function isOfferOutOfSync({ workload }: WorkloadAddress, relation: Relation, row: AddressRow | undefined): boolean {
  return row !== undefined && (relation === 'own' || relation === 'renamed') && !isRecorded(workload.offersTo, row);
}

/** Returns the addresses that two may use at once, of those that another owner holds. A guest that migrates has one address at both sides. */
async function onlyContested(held: readonly ForeignAddress[], deps: ContestedDeps): Promise<readonly ForeignAddress[]> {
  const contested: ForeignAddress[] = [];
  for (const each of held) {
    const { address, row } = each;
    if (row === undefined || (await isContested(address, row, deps))) contested.push(each);
  }
  return contested;
}

function contestedOf(
  { address: { mac, owner }, row }: ForeignAddress,
  deps: Pick<ResyncDeps, 'clusterId' | 'workloads'>,
): Contested {
  const { kind, namespace, name } = owner;
  const isCached = deps.workloads.get(kind)?.cache.get(formatKey({ namespace, name })) !== undefined;
  return { mac, user: { kind, namespace, name }, isCached, scope: distanceTo(row, namespace, deps) };
}

/** Returns how far the holder of an address is from an object of this cluster. */
function distanceTo(
  row: Pick<AddressRow, 'owner'> | undefined,
  namespace: string,
  { clusterId }: Pick<ResyncDeps, 'clusterId'>,
): CollisionScope {
  if (row?.owner?.clusterId !== clusterId) return 'ledger';
  return row.owner.namespace === namespace ? 'namespace' : 'cluster';
}

function usesOfWorkloads(
  objects: readonly LiveWorkload[],
  contested: readonly ForeignAddress[],
): readonly AddressUse[] {
  const byObject = Map.groupBy(contested, ({ address }) => address.workload.metadata.uid);
  return objects.map(({ workload }) => ({
    macs: workload.uses,
    contested: (byObject.get(workload.metadata.uid) ?? []).map(({ address }) => address.mac),
  }));
}

function usesOfClaims(claims: readonly MacAllocation[], conflicts: readonly Contested[]): readonly AddressUse[] {
  const contested = new Map(conflicts.map(({ mac, user }) => [formatKey(user), mac]));
  return claims.map((claim) => {
    const mac = statusMac(claim);
    const other = contested.get(keyOf(claim));
    return { macs: mac === undefined ? [] : [mac], contested: other === undefined ? [] : [other] };
  });
}

/** Returns the claims whose address another owner holds. */
async function compareClaims(
  claims: readonly MacAllocation[],
  deps: Pick<ResyncDeps, 'ledger' | 'clusterId'>,
): Promise<readonly Contested[]> {
  const conflicts: Contested[] = [];
  for (const batch of inBatches(claims)) {
    const addresses = batch.flatMap((claim) => {
      const mac = statusMac(claim);
      return mac === undefined ? [] : [{ claim, mac }];
    });
    const rows = await findRowsByMac(
      addresses.map(({ mac }) => mac),
      deps,
    );
    for (const { claim, mac } of addresses) {
      const { namespace = '', name, uid } = claim.metadata;
      const row = rows.get(mac);
      if (row === undefined || row.state === 'released') continue;
      const isOwner = row.key === claimKey({ clusterId: deps.clusterId, uid });
      if (!isOwner) {
        const scope = distanceTo(row, namespace, deps);
        conflicts.push({ mac, user: { kind: 'MacAllocation', namespace, name }, isCached: true, scope });
      }
    }
  }
  return conflicts;
}
