import { readClusterId } from '../../kube/client/cluster-id.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { findByMacs } from '../../ledger/address/find-by-macs.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { parseMac, type MacAddress } from '../../mac/mac-address.ts';
import { autoRelease } from './auto-release.ts';
import type { Workload } from '../workload/workload.ts';
import { liveAddresses } from '../workload/reconcile.ts';
import { showConflicts, type Conflict } from '../workload/conflicts.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { listLiveWorkloads, type LiveWorkload } from '../workload/list-live.ts';
import { inGroups } from './in-groups.ts';
import { isMirror } from '../mirror/mirror.ts';
import { classify } from '../workload/classify.ts';
import { macAllocations, type MacAllocation, type MacPool } from '../../kube/client/mac-resources.ts';

/** What a resync needs beside the context: the copies that the controllers keep, and a way to have one look again. */
export interface ResyncDeps {
  readonly allocations: () => readonly MacAllocation[];
  readonly pools: () => readonly MacPool[];
  /** The copy of a live object, if there is one. */
  readonly copyOf: (object: LiveWorkload) => Workload | undefined;
  /** Has a live object's own reconcile look at it: it adopts and binds. */
  readonly wake: (object: LiveWorkload) => void;
}

/** Objects that are compared at a time: the ledger's rows of all of them would be more than the objects are. */
const AT_ONCE = 500;

/**
 * Compares everything that lives in the cluster with everything that the ledger has of it, both ways: what an object
 * carries and the ledger does not know is adopted, what the ledger has and no object carries is marked as missing, and
 * given back when it has been missing for long; what two carry is reported and left to people.
 *
 * A resync counts only as a whole: all pages of quorum lists, from the cluster that the ledger means. Any error ends it with
 * nothing marked and nothing released.
 */
export async function runResync(world: ResyncDeps, context: OperatorDeps): Promise<void> {
  const { ledger, client, clusterId, logger, metrics } = context;
  const started = performance.now();
  const lastResyncAt = await requireOwnCluster(context);
  // The ledger's time before anything is listed: what changes later is not judged by this resync.
  const startedAt = await ledgerTime(ledger);
  const objects = await listLiveWorkloads(context, world.copyOf);
  const isAllocatedClaim = (each: MacAllocation) => !isMirror(each) && each.status?.mac !== undefined;
  const claims = (await client.list(macAllocations, { keep: isAllocatedClaim })).items;
  // Between the lists the way to the API server may have led elsewhere.
  await requireOwnCluster(context);

  const seen = new Set(objects.flatMap(({ workload }) => workload.observed));
  for (const claim of claims) for (const mac of macOf(claim)) seen.add(mac);
  const conflicts = [...(await compareObjects(objects, world, context)), ...(await compareClaims(claims, context))];
  const { marked, cleared } = await markMissing(ledger, { clusterId, startedAt, seen: [...seen] });
  await showConflicts(conflicts, world.allocations(), context);
  const sinceLastResyncMs = lastResyncAt === undefined ? 0 : startedAt.getTime() - lastResyncAt.getTime();
  const released = await autoRelease(world.pools(), sinceLastResyncMs, context);
  const durationMs = Math.round(performance.now() - started);
  metrics.passed({ conflicts: conflicts.length, durationMs });
  const level = marked + cleared + released + conflicts.length > 0 ? 'info' : 'debug';
  logger[level](
    { seen: seen.size, marked, cleared, released, conflicts: conflicts.length, durationMs },
    'compared the cluster with the ledger',
  );
}

/** Throws unless the API server at hand is the cluster that the ledger has under our id. Answers when it last passed. */
async function requireOwnCluster({ client, ledger, clusterId }: OperatorDeps): Promise<Date | undefined> {
  const found = await readClusterId(client);
  if (found !== clusterId) {
    throw new Error(
      `The API server is cluster ${found} and not ${clusterId}: nothing is compared. Restart the operator`,
    );
  }
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known === undefined || known.retiredAt !== undefined) {
    throw new Error(`The ledger does not have cluster ${clusterId}, or it was retired: nothing is compared`);
  }
  return known.lastResyncAt;
}

/** Has looked at what the ledger does not have as it is, and answers what two carry. */
async function compareObjects(
  objects: readonly LiveWorkload[],
  world: ResyncDeps,
  context: OperatorDeps,
): Promise<readonly Conflict[]> {
  const conflicts: Conflict[] = [];
  for (const group of inGroups(objects, AT_ONCE)) {
    const rows = await rowsOf(
      group.flatMap(({ workload }) => workload.nics.map(({ mac }) => mac)),
      context,
    );
    for (const object of group) {
      for (const address of liveAddresses(object.workload, object.kind, context)) {
        const relation = classify(address, rows.get(address.mac));
        if (relation === 'free' || relation === 'pending') world.wake(object);
        const { kind, namespace, name } = address.owner;
        if (relation === 'conflict') conflicts.push({ mac: address.mac, usedBy: `${kind} ${namespace}/${name}` });
      }
    }
  }
  return conflicts;
}

/** Claims whose address somebody else holds. */
async function compareClaims(claims: readonly MacAllocation[], context: OperatorDeps): Promise<readonly Conflict[]> {
  const conflicts: Conflict[] = [];
  for (const group of inGroups(claims, AT_ONCE)) {
    const rows = await rowsOf(group.flatMap(macOf), context);
    for (const claim of group) {
      const { namespace = '', name, uid } = claim.metadata;
      for (const mac of macOf(claim)) {
        const row = rows.get(mac);
        if (row === undefined || row.state === 'released') continue;
        const isItsOwn = row.key === claimKey({ clusterId: context.clusterId, uid });
        if (!isItsOwn) conflicts.push({ mac, usedBy: `MacAllocation ${namespace}/${name}` });
      }
    }
  }
  return conflicts;
}

async function rowsOf(
  macs: readonly MacAddress[],
  { ledger }: OperatorDeps,
): Promise<ReadonlyMap<MacAddress, AddressRow>> {
  return new Map((await findByMacs(ledger, macs)).map((row) => [row.mac, row]));
}

function macOf({ status }: MacAllocation): readonly MacAddress[] {
  const parsed = parseMac(status?.mac ?? '');
  return parsed.ok ? [parsed.mac] : [];
}
