import { isClaim, isStickyClaim } from '../../api/mac-allocation.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { adopt, type AdoptItem } from '../../ledger/address/adopt.ts';
import { bind, type BindItem } from '../../ledger/address/bind.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { observe, type ObserveItem } from '../../ledger/observation/observe.ts';
import { adoptItemOf } from '../claim/ledger-items.ts';
import { consumerItem } from '../claim/take-claim.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { listLiveWorkloads } from '../live/list-live.ts';
import {
  describeAddress,
  type LiveAddress,
  liveAddresses,
  liveKey,
  type WorkloadAddress,
} from '../live/live-address.ts';
import { readScope, type ReadScopeDeps } from '../live/read-scope.ts';
import { isMigrating } from '../live/workload.ts';
import { collectEvidence, type EvidenceCollector, type EvidenceDeps } from '../observation/evidence.ts';
import { findGrant, type Occasion } from '../observation/grant.ts';
import { provesGrant } from '../observation/mirror-proof.ts';
import { stickyAddressOf } from '../sticky/claim.ts';
import { isLost, stickyAdoptItem } from '../sticky/lost.ts';
import { markAgain } from '../sticky/mark-again.ts';
import { bindItem } from '../workload/bind.ts';
import { classify } from '../workload/classify.ts';
import { findRelation, type Relation } from '../workload/relation.ts';
import { findRowsByMac, inBatches } from './batches.ts';

export type ReportAddressesDeps = EvidenceDeps &
  ReadScopeDeps &
  Pick<OperatorDeps, 'kinds' | 'actor' | 'logger' | 'stockTokens'>;

/**
 * Writes into the ledger the addresses of all live objects and claims of this cluster, and returns their number. Runs
 * before the cluster may allocate for the first time, and after the ledger may have lost rows. Works while the ledger is
 * closed for allocations.
 *
 * A claim with an address in its status gets it back, and so does a name with a sticky claim, whether an object of it exists or not.
 * The mark that a sticky claim shows is set again. An object gets the address that it uses with a proof, and is otherwise observed, without limits: nothing in use may be handed out afterwards. An address that another owner holds is
 * a duplicate older than the installation, which the resync reports. If a claim holds it and the object may use that
 * claim, the object is recorded as the consumer. Otherwise the claim would look unused, and could be released.
 */
export async function reportAddressesInUse(
  occasion: Exclude<Occasion, 'usual'>,
  deps: ReportAddressesDeps,
): Promise<number> {
  const { claims, stickyClaims, mirrors } = await listAllocations(deps);
  const objects = await listLiveWorkloads(deps);
  const scope = await readScope(deps);
  const addresses = objects.flatMap(({ workload, kind }) =>
    liveAddresses(workload, kind, deps)
      .filter((address) => scope.includes(address))
      .map((address): WorkloadAddress => ({ ...address, workload, kind })),
  );
  // Claims come first: a pod must not become the owner of a claim's address.
  const reason = 'its claim is still there';
  await adoptAll(
    claims.flatMap((claim) => adoptItemOf(claim, reason, deps) ?? []),
    deps,
  );
  for (const batch of inBatches(stickyClaims)) {
    await readoptAll(batch, deps);
    await markAgain(batch, deps);
  }
  const isMirrored = (address: LiveAddress) =>
    (mirrors.get(address.owner.uid) ?? []).some((mirror) => provesGrant(mirror, address));
  const evidence = await collectEvidence({ occasion, isMirrored }, deps);
  for (const batch of inBatches(addresses)) await reportBatch(batch, evidence, deps);
  for (const batch of inBatches(addresses)) await recordConsumers(batch, deps);
  return claims.length + stickyClaims.length + addresses.length;
}

/** Lists all claims and sticky claims, and the mirrors by the uid of their object, each reduced to what proves a grant. */
async function listAllocations({ client }: Pick<OperatorDeps, 'client'>) {
  const mirrors = new Map<string, Pick<MacAllocation, 'spec'>[]>();
  const stickyClaims: MacAllocation[] = [];
  const keepClaims = (allocation: MacAllocation) => {
    if (isClaim(allocation)) return true;
    if (isStickyClaim(allocation)) {
      stickyClaims.push(allocation);
      return false;
    }
    const { pool, mac, consumerRef, ledger } = allocation.spec;
    const uid = consumerRef?.uid ?? '';
    mirrors.set(uid, [...(mirrors.get(uid) ?? []), { spec: { pool, mac, consumerRef, ledger } }]);
    return false;
  };
  const claims = (await client.list(macAllocations, { keep: keepClaims })).items;
  return { claims, stickyClaims, mirrors };
}

/** Records the addresses of sticky claims again that the ledger has lost. It may have ended others since. */
async function readoptAll(
  claims: readonly MacAllocation[],
  deps: Pick<OperatorDeps, 'ledger' | 'kinds' | 'clusterId' | 'actor' | 'logger'>,
): Promise<void> {
  const shown = claims.flatMap((claim) => {
    const address = stickyAddressOf(claim, deps);
    return address === undefined ? [] : [{ claim, address }];
  });
  const rows = await findRowsByMac(
    shown.map(({ address }) => address.mac),
    deps,
  );
  const lost = shown.filter(({ claim, address }) => isLost(claim, address, rows.get(address.mac)));
  await adoptAll(
    lost.map(({ address }) => stickyAdoptItem(address, deps)),
    deps,
  );
}

async function adoptAll(
  items: readonly AdoptItem[],
  { ledger, actor, logger }: Pick<OperatorDeps, 'ledger' | 'actor' | 'logger'>,
): Promise<void> {
  for (const batch of inBatches(items)) {
    for (const [index, { outcome }] of (await adopt(ledger, batch, actor)).entries()) {
      const { mac, owner } = batch[index] ?? {};
      if (outcome !== 'held' && outcome !== 'adopted') {
        logger.info({ ...owner, mac, outcome }, 'address in use is not free');
      }
    }
  }
}

/** Binds addresses from stock, without their mirrors: the first resync has them created. */
async function bindAll(
  items: readonly BindItem[],
  { ledger, actor, logger }: Pick<OperatorDeps, 'ledger' | 'actor' | 'logger'>,
): Promise<void> {
  for (const [index, { outcome }] of (items.length === 0 ? [] : await bind(ledger, items, actor)).entries()) {
    const { mac, owner } = items[index] ?? {};
    if (outcome !== 'bound') logger.info({ ...owner, mac, outcome }, 'address in use is not free');
  }
}

/** The relations of an address that the ledger does not hold for its object. */
const UNOWNED: ReadonlySet<Relation> = new Set(['ungranted', 'later', 'set-aside', 'offered', 'conflict']);

/** Binds, adopts or observes the addresses that the ledger does not hold for their objects. */
async function reportBatch(
  addresses: readonly WorkloadAddress[],
  evidence: EvidenceCollector,
  deps: ReportAddressesDeps,
): Promise<void> {
  const { ledger, actor, logger } = deps;
  const rows = await findRowsByMac(
    addresses.map(({ mac }) => mac),
    deps,
  );
  const answered: BindItem[] = [];
  const granted: AdoptItem[] = [];
  const observed: ObserveItem[] = [];
  for (const address of addresses) {
    const { mac, owner } = address;
    const row = rows.get(mac);
    const relation = await findRelation(address, row, deps);
    if (typeof relation === 'object') {
      if (row !== undefined) answered.push(bindItem(address, { ...row, stockedFor: relation.requester }));
      continue;
    }
    if (!UNOWNED.has(relation)) continue;
    const grant =
      relation === 'ungranted' ? findGrant(address, row, await evidence.evidenceFor(address, row)) : undefined;
    if (grant !== undefined) granted.push({ mac, key: liveKey(address), owner, requester: actor, reason: grant });
    else {
      observed.push({ mac, object: owner, limited: false, migrates: isMigrating(address.workload) });
      logger.info({ ...describeAddress(address), classification: relation }, 'address in use is only observed');
    }
  }
  await bindAll(answered, deps);
  await adoptAll(granted, deps);
  if (observed.length > 0) await observe(ledger, observed, actor);
}

async function recordConsumers(
  addresses: readonly LiveAddress[],
  deps: Pick<OperatorDeps, 'ledger' | 'actor'>,
): Promise<void> {
  const rows = await findRowsByMac(
    addresses.map(({ mac }) => mac),
    deps,
  );
  const items = addresses.flatMap((address) => {
    const row = rows.get(address.mac);
    return row !== undefined && classify(address, row) === 'claimed' ? [consumerItem(address, row)] : [];
  });
  if (items.length > 0) await takeConsumer(deps.ledger, items, { actor: deps.actor });
}
