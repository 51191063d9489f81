import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import type { Allocator } from '../../ledger/address/allocator.ts';
import { takeConsumer, type ConsumerItem } from '../../ledger/address/consumer.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { admissionKey, leaseKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmissionUser, Refusal } from '../server/admission-review.ts';
import { findClaimOf, type FoundClaim, type UsableClaim } from '../claims/find-claim.ts';
import type { Explainer } from '../refuse/explain-refusal.ts';
import {
  claimTaken,
  ledgerFailed,
  type HeldResult,
  type LedgerResult,
  type RefusedResult,
} from '../refuse/refuse-allocation.ts';
import type { PlannedNic } from '../plan/plan.ts';
import { timeLeft, within } from '../server/deadline.ts';

/** The object for which addresses are asked. */
export interface Subject {
  readonly kind: 'Pod' | 'VirtualMachine' | 'VirtualMachineInstance';
  readonly namespace: string;
  /** Empty where the API server will make one (generateName). */
  readonly name: string;
  /** Of an object that is stored already. */
  readonly uid?: string | undefined;
  /** Ties the stored object to this answer where nothing else of it is known that a second call could repeat. */
  readonly leaseId: string | undefined;
  /** The user who sends it. */
  readonly requester: AdmissionUser;
}

export interface AllocationDeps {
  readonly allocator: Allocator;
  readonly ledger: Queryable;
  readonly clusterId: string;
  readonly leaseSeconds: number;
  readonly poolOf: (namespace: string) => Promise<string>;
  readonly findClaim: (namespace: string, name: string) => Promise<FoundClaim>;
  /** Gives back what was handed out for an object that is then refused. */
  readonly releaseHeld: (held: readonly HeldAddress[]) => Promise<void>;
  readonly explainer: Explainer;
}

/** An address that this admission got from the ledger, with what a release is compared with. */
export interface HeldAddress {
  readonly key: string;
  readonly mac: MacAddress;
  readonly generation: number;
}

/** For what a refusal brings with it: its explanation, and what is given back. */
const CLOSING_MS = 500;

export type AllocationResult =
  { readonly ok: true; readonly macs: readonly MacAddress[] } | { readonly ok: false; readonly refusal: Refusal };

/**
 * Gets an address for every interface, or a refusal and holds nothing new. What the ledger has not answered at `until` is
 * refused, and the refusal comes at most half a second later.
 *
 * Claims come last: an address that was just handed out can be given back at once, but a claim that was just taken may be
 * that of an object which is stored by now, so that only its lease frees it.
 */
export async function allocateForObject(
  nics: readonly PlannedNic[],
  subject: Subject,
  by: AllocationDeps,
  until: number,
): Promise<AllocationResult> {
  const found = await Promise.all(nics.map((nic) => named(nic, subject, by)));
  const missing = found.find((each) => each?.ok === false);
  if (missing?.ok === false) return missing;

  const asked = nics.filter(({ claim }) => claim === undefined);
  const pool = asked.length === 0 ? '' : await by.poolOf(subject.namespace);
  const answers = await Promise.all(asked.map((nic) => ask({ nic, pool, subject, until }, by)));
  const held = answers.flatMap(({ held: each }) => each ?? []);
  const refused = answers.find(({ refusal }) => refusal !== undefined);
  if (refused?.refusal !== undefined) {
    const explaining = by.explainer.explain(refused.refusal, refused.nic, pool, subject);
    const [refusal] = await Promise.all([explaining, releaseHeldSoon(held, by)]);
    return { ok: false, refusal };
  }

  const results = nics.map((nic, index) => {
    const each = found[index];
    if (each?.ok === true) return { nic, mac: each.claim.mac, claim: each.claim };
    const answer = answers[asked.indexOf(nic)];
    return { nic, mac: answer?.mac, claim: answer?.claim };
  });
  const refusal = await take(results, subject, by, until);
  if (refusal !== undefined) {
    await releaseHeldSoon(held, by);
    return { ok: false, refusal };
  }
  return { ok: true, macs: results.flatMap(({ mac }) => mac ?? []) };
}

/** The claim that an interface names; `undefined` where it names none. */
async function named(nic: PlannedNic, { namespace }: Subject, by: AllocationDeps): Promise<FoundClaim | undefined> {
  if (nic.claim === undefined) return undefined;
  const found = await by.findClaim(namespace, nic.claim);
  if (!found.ok || nic.requested === undefined || nic.requested === found.claim.mac) return found;
  const message = `MAC ${nic.requested} on ${nic.nic} is not the one of ${found.claim.name}, which is ${found.claim.mac}.`;
  return { ok: false, refusal: { code: 422, reason: 'Invalid', message: `${message}\nLeave one of the two out.` } };
}

interface Asked {
  readonly nic: PlannedNic;
  readonly mac?: MacAddress;
  /** What has to be given back when another interface is refused. */
  readonly held?: HeldAddress;
  readonly claim?: UsableClaim;
  readonly refusal?: RefusedResult;
}

interface Question {
  readonly nic: PlannedNic;
  readonly pool: string;
  readonly subject: Subject;
  readonly until: number;
}

async function ask({ nic, pool, subject, until }: Question, by: AllocationDeps): Promise<Asked> {
  const request = requestFor(nic, pool, subject, by);
  const answer = await answerOf(() => by.allocator.allocate(request, { deadlineMs: timeLeft(until) }));
  if (isHeld(answer)) {
    const { mac, generation } = answer;
    // A replay belongs to an earlier admission of the same object, which may be stored by now: it is never given back.
    return { nic, mac, ...(answer.outcome === 'allocated' && { held: { key: request.key, mac, generation } }) };
  }
  const claim = await claimInTheWay(nic, answer, subject, by, until);
  if (claim !== undefined) return { nic, mac: claim.mac, claim };
  if (answer.outcome === 'in_use' && isOwn(answer.holder.owner, subject, by)) return { nic, mac: answer.mac };
  return { nic, refusal: answer };
}

function isHeld(answer: LedgerResult): answer is HeldResult {
  return answer.outcome === 'allocated' || answer.outcome === 'replayed';
}

/** Two interfaces of one machine may change their addresses with each other. */
function isOwn(owner: Owner | undefined, { uid }: Subject, { clusterId }: AllocationDeps): boolean {
  return uid !== undefined && owner?.uid === uid && owner.clusterId === clusterId;
}

/** Who writes the address of a claim of their own namespace means that claim. */
async function claimInTheWay(
  { requested }: PlannedNic,
  answer: RefusedResult,
  { namespace }: Subject,
  { clusterId, ledger }: AllocationDeps,
  until: number,
): Promise<UsableClaim | undefined> {
  if (requested === undefined || (answer.outcome !== 'in_use' && answer.outcome !== 'out_of_range')) return undefined;
  try {
    return await within(timeLeft(until), findClaimOf(requested, { namespace, clusterId, ledger }));
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

function requestFor(
  { nic, requested }: PlannedNic,
  pool: string,
  subject: Subject,
  { clusterId }: AllocationDeps,
): AllocationRequest {
  const { kind, namespace, name, leaseId, requester } = subject;
  const owner: Owner = { clusterId, kind, namespace, name, nic };
  const decision = requested === undefined ? {} : { requested };
  return {
    key: leaseId === undefined ? admissionKey({ ...owner, pool, ...decision }) : leaseKey(leaseId, nic),
    pool,
    ...decision,
    state: 'pending',
    owner,
    requester: requester.username,
    actor: 'rock-mac-webhook',
    reason: 'admission',
  };
}

interface Result {
  readonly nic: PlannedNic;
  readonly claim?: UsableClaim | undefined;
}

/** Makes the object the consumer of its claims. Of two that want one at once, the second is told to wait. */
async function take(
  results: readonly Result[],
  subject: Subject,
  by: AllocationDeps,
  until: number,
): Promise<Refusal | undefined> {
  const items = results.flatMap(({ nic, claim }) =>
    claim === undefined ? [] : [consumerItem(nic, claim, subject, by)],
  );
  if (items.length === 0) return undefined;
  try {
    const taking = takeConsumer(
      by.ledger,
      items.map(({ item }) => item),
      { leaseSeconds: by.leaseSeconds, actor: 'rock-mac-webhook' },
    );
    const outcomes = await within(timeLeft(until), taking);
    for (const [index, { claim }] of items.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome.outcome === 'taken') continue;
      if (outcome.outcome === 'in_use' && (await within(timeLeft(until), isUsedBy(subject, claim, by)))) continue;
      return claimTaken(outcome, claim.name);
    }
    return undefined;
  } catch (error) {
    if (error instanceof LedgerError) return ledgerFailed(error);
    throw error;
  }
}

/** A stored object may give an interface another name, or have two of them exchange their claims. */
async function isUsedBy({ uid }: Subject, { mac }: UsableClaim, { ledger }: AllocationDeps): Promise<boolean> {
  return uid !== undefined && (await findByMac(ledger, mac))?.consumer?.uid === uid;
}

function consumerItem(
  { nic }: PlannedNic,
  claim: UsableClaim,
  { kind, namespace, name, leaseId }: Subject,
  { clusterId }: AllocationDeps,
): { readonly item: ConsumerItem; readonly claim: UsableClaim } {
  const { pool, mac } = claim;
  const key =
    leaseId === undefined
      ? admissionKey({ clusterId, kind, namespace, name, nic, pool, requested: mac })
      : leaseKey(leaseId, nic);
  return { item: { claimKey: claim.key, key, kind, name, nic }, claim };
}

/** One failing request must not hide the answers of the others: what those got has to be given back. */
async function answerOf(asking: () => Promise<LedgerResult>): Promise<LedgerResult> {
  try {
    return await asking();
  } catch (error) {
    if (error instanceof LedgerError) return { outcome: 'ledger_error', error };
    throw error;
  }
}

/** What is given back to a ledger that hangs is no reason to keep the API server waiting: its lease ends too. */
async function releaseHeldSoon(held: readonly HeldAddress[], { releaseHeld }: AllocationDeps): Promise<void> {
  try {
    await within(CLOSING_MS, releaseHeld(held));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
}
