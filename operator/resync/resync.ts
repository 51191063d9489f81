import { readClusterId } from '../../kube/client/cluster-id.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { statusMac } from '../claim/ledger-items.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { isMirror } from '../mirror/mirror.ts';
import type { Sources } from '../wiring/operator-sources.ts';
import { classify } from '../workload/classify.ts';
import { listLiveWorkloads, type LiveWorkload } from '../workload/list-live.ts';
import { liveAddresses } from '../workload/live-address.ts';
import { autoRelease, type AutoReleaseDeps } from './auto-release.ts';
import { findRowsByMac, inBatches } from './batches.ts';
import { publishConflicts, type Conflict, type PublishConflictsDeps } from './publish-conflicts.ts';

export type ResyncDeps = AutoReleaseDeps &
  PublishConflictsDeps &
  Pick<Sources, 'allocations' | 'pools' | 'workloads' | 'workloadOutOfSync'>;

/**
 * Compares everything that lives in the cluster with everything that the ledger holds for it:
 * - An address in use that the ledger does not know is adopted by the reconcile of its object.
 * - An address that no object uses is marked as missing, and released after its pool's period.
 * - An address that two objects use is reported. People resolve it.
 *
 * A resync counts only as a whole: every page of quorum lists, from the cluster that the ledger knows. Any error ends it
 * before anything is marked or released.
 */
export async function runResync(deps: ResyncDeps): Promise<void> {
  const { ledger, client, clusterId, logger, metrics, workloads } = deps;
  const started = performance.now();
  const lastResyncAt = await requireOwnCluster(deps);
  // The ledger's time before the lists: this resync ignores rows that change later.
  const startedAt = await ledgerTime(ledger);
  const objects = await listLiveWorkloads(deps, ({ kind, workload }) =>
    workloads.get(kind.resource.kind)?.cache.get(keyOf(workload)),
  );
  const isAllocatedClaim = (each: MacAllocation) => !isMirror(each) && each.status?.mac !== undefined;
  const claims = (await client.list(macAllocations, { keep: isAllocatedClaim })).items;
  // The API server's address may have led to another cluster between the lists.
  await requireOwnCluster(deps);

  const seen = new Set(objects.flatMap(({ workload }) => workload.observed));
  for (const mac of claims.map(statusMac)) if (mac !== undefined) seen.add(mac);
  const conflicts = [...(await compareWorkloads(objects, deps)), ...(await compareClaims(claims, deps))];
  const { marked, cleared } = await markMissing(ledger, { clusterId, startedAt, seen: [...seen] });
  await publishConflicts(conflicts, deps);
  const sinceLastResyncMs = lastResyncAt === undefined ? 0 : startedAt.getTime() - lastResyncAt.getTime();
  const released = await autoRelease(deps.pools.list(), sinceLastResyncMs, deps);
  const durationMs = Math.round(performance.now() - started);
  metrics.resyncEnded({ conflicts: conflicts.length, durationMs });
  const level = marked + cleared + released + conflicts.length > 0 ? 'info' : 'debug';
  logger[level](
    { seen: seen.size, marked, cleared, released, conflicts: conflicts.length, durationMs },
    'compared the cluster with the ledger',
  );
}

/** Throws unless the API server is the cluster that the ledger knows by our id. Returns the time of its last resync. */
async function requireOwnCluster({
  client,
  ledger,
  clusterId,
}: Pick<OperatorDeps, 'client' | 'ledger' | 'clusterId'>): Promise<Date | undefined> {
  const found = await readClusterId(client);
  if (found !== clusterId) {
    throw new Error(
      `The API server belongs to cluster ${found}, not to ${clusterId}, so nothing was compared. Restart the operator`,
    );
  }
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known === undefined || known.retiredAt !== undefined) {
    throw new Error(`The ledger does not have cluster ${clusterId}, or it was retired, so nothing was compared`);
  }
  return known.lastResyncAt;
}

/** Has every workload reconciled whose address the ledger does not hold for it yet. Returns the conflicts. */
async function compareWorkloads(
  objects: readonly LiveWorkload[],
  deps: Pick<ResyncDeps, 'ledger' | 'clusterId' | 'workloadOutOfSync'>,
): Promise<readonly Conflict[]> {
  const conflicts: Conflict[] = [];
  for (const batch of inBatches(objects)) {
    const macs = batch.flatMap(({ workload }) => workload.nics.map(({ mac }) => mac));
    const rows = await findRowsByMac(macs, deps);
    for (const object of batch) {
      for (const address of liveAddresses(object.workload, object.kind, deps)) {
        const classification = classify(address, rows.get(address.mac));
        if (classification === 'free' || classification === 'pending') deps.workloadOutOfSync.fire(object);
        const { kind, namespace, name } = address.owner;
        if (classification === 'conflict') {
          conflicts.push({ mac: address.mac, user: { kind, namespace, name } });
        }
      }
    }
  }
  return conflicts;
}

/** Returns the claims whose address another owner holds. */
async function compareClaims(
  claims: readonly MacAllocation[],
  deps: Pick<ResyncDeps, 'ledger' | 'clusterId'>,
): Promise<readonly Conflict[]> {
  const conflicts: Conflict[] = [];
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
      if (!isOwner) conflicts.push({ mac, user: { kind: 'MacAllocation', namespace, name } });
    }
  }
  return conflicts;
}
