import type { UnreachableConsumer } from '../../api/mac-allocation.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMacs } from '../../ledger/address/find.ts';
import { isStickyKey } from '../../ledger/address/holder-key.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { clearUnreachable, listUnreachable, markUnreachable } from '../../ledger/sticky/unreachable.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { readNode, type StoredNode } from '../claim/read-node.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type Sources, stickyIndex } from '../controller/operator-sources.ts';
import { isSilent } from '../live/node.ts';
import type { Workload, WorkloadKind } from '../live/workload.ts';
import { stickyAddressOf, stickyClaimOf } from './claim.ts';
import { checkMark, type MarkEndDeps } from './mark-end.ts';
import { showMark } from './show-mark.ts';

export type ReconcileMarksDeps = MarkEndDeps &
  Pick<OperatorDeps, 'ledger' | 'clusterId' | 'actor' | 'logger' | 'now'> &
  Pick<Sources, 'allocations' | 'workloads' | 'markChanged'>;

/** How soon a pod is looked at again whose address the ledger has not bound yet. */
const UNBOUND_MS = 1_000;

/** A pod on a node that does not respond. */
interface SilentPod {
  readonly kind: WorkloadKind;
  readonly workload: Workload;
}

/**
 * Brings the marks of a node to what they should be. The ledger has them, and the sticky claims show them, from which the webhook
 * answers while the ledger is away.
 *
 * 1. While the node is silent, the claims of its pods show the mark. That needs no ledger. 2. The ledger marks what is shown, or
 * used by such a pod. 3. A mark that may end is cleared in the ledger, then in the claim. After a crash in between, or if the ledger
 * has lost a mark, the claim still shows it, and the next reconcile decides anew.
 */
export async function reconcileMarks(node: string, deps: ReconcileMarksDeps): Promise<ReconcileResult> {
  const state = await readNode(node, deps.client);
  const pods = state !== undefined && isSilent(state) ? podsOn(node, deps) : [];
  const [shown] = await Promise.allSettled([showAll(node, pods, deps)]);
  const result = await reconcileRows(node, state, pods, deps);
  // The ledger comes first. This is tried again.
  if (shown.status === 'rejected') throw shown.reason;
  return result;
}

function podsOn(node: string, { workloads }: ReconcileMarksDeps): readonly SilentPod[] {
  return [...workloads.values()].flatMap(({ kind, cache }) =>
    cache.by('node', node).map((workload) => ({ kind, workload })),
  );
}

/**
 * Shows the mark on the claims of these pods. A claim that has the mark of another node gets that of its last pod, while the ledger keeps
 * the first. When the first ends, the ledger goes on with what the claim shows: a pod may still run on both nodes.
 */
async function showAll(node: string, pods: readonly SilentPod[], deps: ReconcileMarksDeps): Promise<void> {
  const unmarked = pods.flatMap(({ kind, workload }) =>
    deps.allocations
      .by('sticky', stickyIndex({ ...workload.metadata, kind: kind.resource.kind }))
      .filter((claim) => uses(workload, claim.spec.mac) && nodeShownBy(claim) !== node)
      .map((claim) => ({ claim, workload })),
  );
  await Promise.all(unmarked.map(({ claim, workload }) => showMark(claim, consumerOn(node, workload), deps)));
}

function uses({ uses: macs }: Workload, mac: string | undefined): boolean {
  return macs.some((each) => each === mac);
}

function consumerOn(node: string, workload: Workload | undefined): UnreachableConsumer {
  if (workload?.runsOn?.node !== node) return { node };
  const { graceSeconds } = workload.runsOn;
  return { node, uid: workload.metadata.uid, terminationGracePeriodSeconds: graceSeconds };
}

async function reconcileRows(
  node: string,
  state: StoredNode | undefined,
  pods: readonly SilentPod[],
  deps: ReconcileMarksDeps,
): Promise<ReconcileResult> {
  const { ledger, clusterId } = deps;
  const marked = await listUnreachable(ledger, { clusterId, node });
  const unmarked = await findUnmarked(node, pods, deps);
  const going: AddressRow[] = [];
  const over: { readonly row: AddressRow; readonly reason: string }[] = [];
  const retries = unmarked.some((row) => row.state === 'pending') ? [UNBOUND_MS] : [];
  for (const row of [...marked, ...unmarked]) {
    const checked = await checkMark({ node, row, claim: claimOf(row, deps) }, state, deps);
    if ('ended' in checked) {
      over.push({ row, reason: checked.ended });
    } else {
      going.push(row);
      if (checked.retryMs !== undefined) retries.push(checked.retryMs);
    }
  }
  await mark(node, going, deps);
  await clear(node, over, deps);
  return retries.length === 0 ? undefined : { requeueAfterMs: Math.min(...retries) };
}

/**
 * Returns the rows that do not have the mark of this node, and that a pod on the silent node uses, or whose claim shows that mark. The
 * ledger may have the mark of another node, and keeps that. When the mark of this node ends, the claim shows the other one again
 * (`compareMark` in reconcile.ts).
 */
async function findUnmarked(
  node: string,
  pods: readonly SilentPod[],
  deps: ReconcileMarksDeps,
): Promise<readonly AddressRow[]> {
  const { allocations, ledger, clusterId } = deps;
  const users = new Set(pods.flatMap(usersOf));
  const shown = new Map(
    allocations.by('unreachableNode', node).flatMap((claim) => {
      const address = stickyAddressOf(claim, deps);
      return address === undefined ? [] : [[address.mac, address.key] as const];
    }),
  );
  const macs = new Set([...pods.flatMap(({ workload }) => workload.uses), ...shown.keys()]);
  const rows = macs.size === 0 ? [] : await findByMacs(ledger, [...macs]);
  const unmarked = rows.filter(
    ({ key, owner, state, unreachableNode }) =>
      unreachableNode !== node && state !== 'released' && isStickyKey(key) && owner?.clusterId === clusterId,
  );
  const found = unmarked.map(async (row) => {
    // The interface of the row may be an earlier one, whose name has changed.
    if (row.owner !== undefined && users.has(userOf(row.mac, row.owner))) return [row];
    return shown.get(row.mac) === row.key && (await stillShows(node, row, deps)) ? [row] : [];
  });
  return (await Promise.all(found)).flat();
}

function usersOf({ kind, workload }: SilentPod): readonly string[] {
  const { namespace = '', name } = workload.metadata;
  return workload.uses.map((mac) => userOf(mac, { kind: kind.resource.kind, namespace, name }));
}

/** Reads the claim again: a cache that lags behind may show a mark that has just ended. */
async function stillShows(node: string, row: AddressRow, deps: ReconcileMarksDeps): Promise<boolean> {
  const claim = claimOf(row, deps);
  const stored = claim && (await getOrUndefined(macAllocations, claim.metadata, deps.client));
  return stored !== undefined && nodeShownBy(stored) === node;
}

function userOf(
  mac: MacAddress,
  { kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string },
): string {
  return `${mac} ${stickyIndex({ kind, namespace, name })}`;
}

/** Returns the node whose mark the claim shows. */
function nodeShownBy(claim: MacAllocation | undefined): string | undefined {
  return claim?.status?.unreachableConsumer?.node;
}

function claimOf({ owner }: Pick<AddressRow, 'owner'>, deps: Pick<Sources, 'allocations'>) {
  return owner && stickyClaimOf(owner, deps);
}

async function mark(node: string, rows: readonly AddressRow[], deps: ReconcileMarksDeps): Promise<void> {
  const { ledger, clusterId, actor, logger, workloads } = deps;
  const unmarked = rows.filter(({ unreachableNode }) => unreachableNode === undefined);
  const outcomes = unmarked.length === 0 ? [] : await markUnreachable(ledger, { clusterId, node }, unmarked, actor);
  const count = outcomes.filter(({ outcome }) => outcome === 'marked').length;
  if (count > 0) {
    logger.warn({ node, count }, 'a node is not ready: sticky addresses of its pods are kept from their next pods');
  }
  for (const row of rows) {
    const claim = claimOf(row, deps);
    if (claim === undefined || nodeShownBy(claim) !== undefined || row.owner === undefined) continue;
    const { kind, namespace, name } = row.owner;
    const workload = workloads.get(kind)?.cache.get(formatKey({ namespace, name }));
    await showMark(claim, consumerOn(node, ifItUses(workload, row)), deps);
  }
}

/** Marks addresses for the other nodes that their claims show. In one transaction with the end of the first mark: nobody gets one between. */
async function markNext(
  rows: readonly AddressRow[],
  node: string,
  db: Queryable,
  deps: ReconcileMarksDeps,
): Promise<void> {
  const next = Map.groupBy(rows, (row) => nodeShownBy(claimOf(row, deps)));
  for (const [other, same] of next) {
    if (other !== undefined && other !== node) {
      await markUnreachable(db, { clusterId: deps.clusterId, node: other }, same, deps.actor);
      deps.markChanged.fire(other);
    }
  }
}

/** Returns the object of the name if it uses the address. The next one may run on the same node with another address. */
function ifItUses(workload: Workload | undefined, { mac }: Pick<AddressRow, 'mac'>): Workload | undefined {
  return workload !== undefined && uses(workload, mac) ? workload : undefined;
}

async function clear(
  node: string,
  marks: readonly { readonly row: AddressRow; readonly reason: string }[],
  deps: ReconcileMarksDeps,
): Promise<void> {
  const { ledger, clusterId, actor, logger } = deps;
  for (const [reason, same] of Map.groupBy(marks, (each) => each.reason)) {
    const items = same.map(({ row }) => row).filter(({ unreachableNode }) => unreachableNode === node);
    if (items.length > 0) {
      await ledger.transaction(async (db) => {
        await clearUnreachable(db, { clusterId, node }, items, { actor, reason });
        await markNext(items, node, db, deps);
      });
    }
    for (const { row } of same) {
      const claim = claimOf(row, deps);
      if (claim !== undefined && nodeShownBy(claim) === node) await showMark(claim, undefined, deps);
    }
    const macs = items.map(({ mac }) => mac);
    if (macs.length > 0) {
      logger.info({ node, count: macs.length, macs }, `sticky addresses go to their next pods again: ${reason}`);
    }
  }
}
