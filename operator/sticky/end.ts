import { ANNOTATIONS, RELEASE_FINALIZER } from '../../api/names.ts';
import { readReason } from '../../api/reason.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { markUnused, releaseUnused, type UnusedItem } from '../../ledger/sticky/unused.ts';
import type { BackoffOptions } from '../../time/backoff.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';
import { findNeed } from '../allocation/find-need.ts';
import type { ReleaseByKeyDeps } from '../allocation/release-by-key.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { liveAddresses, liveKey, type WorkloadAddress } from '../live/live-address.ts';
import type { Workload } from '../live/workload.ts';
import { ensureMirror, type EnsureMirrorDeps } from '../mirror/ensure.ts';
import { isNamespaceTerminating, mayGoWithoutLedger } from '../mirror/terminating-namespace.ts';
import type { StickyAddress } from './claim.ts';

export type EndStickyDeps = ReleaseByKeyDeps & EnsureMirrorDeps & Pick<OperatorDeps, 'groupedCalls' | 'now'>;

/** Delays between the steps of an end, and between the tries of one that waits for the ledger, for a guest, or for a node. */
const WAITING: BackoffOptions = { baseMs: 3_000, maxMs: 30_000 };

/** How long an address must be unused: an admission may have answered with it whose object is not stored yet. */
const ADMITTED_MS = 2_500;

const REASON = 'sticky claim deleted';

/**
 * Ends the stickiness of an address, whose claim is being deleted. An object that uses the address becomes its owner: it has a mirror
 * from now on, and the next object of its name gets another address. An address that nothing uses is released.
 *
 * 1. The ledger gives the address to the object (after its mirror is stored), or marks it as unused. 2. A later reconcile reads once more
 * that no object uses it, and releases it if it is unused since that mark: an admission that answered with it in between has changed
 * the time. 3. The finalizer is removed. After a release or a gift, the next reconcile finds that the key holds nothing.
 */
export async function endSticky(
  claim: MacAllocation,
  address: StickyAddress,
  deps: EndStickyDeps,
): Promise<ReconcileResult> {
  if (claim.metadata.finalizers?.includes(RELEASE_FINALIZER) !== true) return undefined;
  if (!(await isOver(claim, address, deps))) return { poll: WAITING };
  await dropFinalizer(claim, deps.client);
  return undefined;
}

async function isOver(claim: MacAllocation, address: StickyAddress, deps: EndStickyDeps): Promise<boolean> {
  const { groupedCalls, logger } = deps;
  try {
    const row = await groupedCalls.findByHolderKey(address.key);
    // The ledger may hold another address for this name. Then this claim shows nothing any more.
    return row?.mac !== address.mac || (await giveOrRelease(claim, address, row, deps));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    if (!(await mayGoWithoutLedger(claim.metadata, deps))) return false;
    logger.warn(
      { claim: keyOf(claim), err: error },
      'the ledger is unavailable: a later resync releases the address of a sticky claim',
    );
    return true;
  }
}

async function giveOrRelease(
  claim: MacAllocation,
  address: StickyAddress,
  row: AddressRow,
  deps: EndStickyDeps,
): Promise<boolean> {
  const { kind, owner, mac } = address;
  const { client, clusterId, logger } = deps;
  const { namespace, name } = owner;
  const workload = await getOrUndefined(kind.resource, { namespace, name }, client);
  const own = (workload && liveAddresses(workload, kind, { clusterId })) ?? [];
  const used =
    own.find((each) => each.mac === mac && each.owner.nic === owner.nic) ?? own.find((each) => each.mac === mac);
  if (workload !== undefined && used !== undefined) {
    if (mayEarlierPodRun(claim, row, workload)) return false;
    await giveToObject({ ...used, workload, kind }, row, deps);
    logger.info({ claim: keyOf(claim), mac }, 'address is not sticky any more: it belongs to the object that uses it');
    return true;
  }
  if (await kind.stillUses({ namespace, name, uid: workload?.metadata.uid ?? '', mac }, client)) return false;
  return await releaseSinceMark(claim, { ...row, endUnseen: kind.endsItsUse }, deps);
}

/** Returns whether the mark of the address is about another pod than the one that uses it. No pod may become its owner meanwhile. */
function mayEarlierPodRun({ status }: MacAllocation, { unreachableNode }: AddressRow, { metadata }: Workload): boolean {
  const shown = status?.unreachableConsumer;
  return unreachableNode !== undefined && (shown?.node !== unreachableNode || shown.uid !== metadata.uid);
}

/** A row, and whether its last pod may still run: nobody remembers whether the pod of a name was seen to end. */
type EndingRow = AddressRow & Pick<UnusedItem, 'endUnseen'>;

/** Marks the address, or releases it if it has been unused since an earlier mark. Returns whether this ends the claim. */
async function releaseSinceMark(claim: MacAllocation, row: EndingRow, deps: EndStickyDeps): Promise<boolean> {
  // The end of its lease releases a pending one.
  if (row.state !== 'active') return true;
  if (row.missingSince === undefined) {
    await markUnused(deps.ledger, [row]);
    return false;
  }
  // The clocks may differ. Then nothing is waited for.
  if (Math.abs(deps.now().getTime() - row.missingSince.getTime()) < ADMITTED_MS) return false;
  const said = readReason(claim.metadata.annotations?.[ANNOTATIONS.releaseReason]);
  const outcome = await releaseIfUnneeded({ ...row, missingSince: row.missingSince }, said, deps);
  deps.logger.info({ claim: keyOf(claim), mac: row.mac, outcome }, 'address of a sticky claim ended');
  if (!STAYS_HELD.has(outcome)) return true;
  if (!(await isNamespaceTerminating(row.owner?.namespace ?? '', deps))) return false;
  // A namespace ends with its last object. The ledger goes on holding the address, and a later resync releases it.
  if (outcome === 'used_by_guest' || outcome === 'waits') deps.heldForGuests.add(row.key);
  return true;
}

/** Outcomes after which the address still belongs to the name. */
const STAYS_HELD: ReadonlySet<string> = new Set(['used', 'unreachable', 'held', 'used_by_guest', 'waits']);

async function releaseIfUnneeded(
  row: AddressRow & UnusedItem,
  said: string | undefined,
  deps: EndStickyDeps,
): Promise<string> {
  const { ledger, actor, metrics } = deps;
  const need = await findNeed(row, deps);
  if (need !== undefined) return need;
  const [result] = await releaseUnused(ledger, [row], { actor, reason: said ?? REASON });
  if (result?.outcome === 'released') metrics.released(REASON);
  return result?.outcome ?? 'unknown';
}

/** Makes an object the owner of the address of its name. The mirror is first, as for every address of an object. */
async function giveToObject(address: WorkloadAddress, row: AddressRow, deps: EndStickyDeps): Promise<void> {
  const { groupedCalls, client, clusterId } = deps;
  const { workload, kind, mac, owner } = address;
  const mirror = await ensureMirror({ workload, kind, nic: owner.nic, mac, row, clusterId }, deps);
  const { outcome } = await groupedCalls.bind({ mac, key: row.key, boundKey: liveKey(address), owner });
  if (outcome === 'bound') return;
  if (mirror !== undefined) await deleteAllocation(mirror.metadata, client);
  throw new Error(`${mac} could not be bound to its object: ${outcome}`);
}
