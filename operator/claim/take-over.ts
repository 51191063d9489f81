import { handsOverTo } from '../../api/transfer-target.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { AllocationOutcome, AllocationRequest } from '../../ledger/address/allocate.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { transfer, type TransferOutcome } from '../../ledger/address/transfer.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { BLOCKED_RETRY_MS, type ConsumerDeps, currentConsumer } from './consumer.ts';
import { transferItemOf } from './ledger-items.ts';
import type { ReadyDecision } from './status.ts';

export type TakeOverDeps = ConsumerDeps & Pick<OperatorDeps, 'clusterId'> & Pick<Sources, 'claimChanged'>;

/**
 * Gives a new claim the address of another claim that hands it over. Both sides agree: the annotation of the other claim names
 * this one, and this one requests the address. Returns `undefined` if nobody hands the address over to this claim.
 *
 * The order makes a crash between any two steps harmless: the new claim has its finalizer, then the ledger changes the owner,
 * then both claims are reconciled. The new one finds that it holds the address, and the other one that it lost it.
 *
 * A claim that something uses is not handed over, also not to a restored machine of the same name: the first machine still
 * exists, so two guests could run with one address.
 */
export async function takeOver(
  claim: MacAllocation,
  request: AllocationRequest,
  mac: MacAddress,
  deps: TakeOverDeps,
): Promise<AllocationOutcome | ReadyDecision | undefined> {
  const row = await findByMac(deps.ledger, mac);
  const from = row && (await ownerThatAgrees(row, claim, deps));
  if (row === undefined || from === undefined) return undefined;
  const item = transferItemOf(row, request);
  if (item === undefined) return undefined;
  const consumer = await currentConsumer(row, from, deps);
  const [result] = consumer.inUse ? [] : await transfer(deps.ledger, [item], deps.actor);
  if (result?.outcome === 'transferred' && row.owner !== undefined) {
    deps.logger.info({ claim: keyOf(claim), mac }, 'claim took the address of another one over');
    deps.claimChanged.fire(row.owner);
  }
  return result === undefined ? blocked(mac, from) : outcomeOf(result, mac, from, request);
}

/** Returns the claim that holds the address, if it exists and hands the address over to `claim`. */
async function ownerThatAgrees(
  { owner }: AddressRow,
  claim: MacAllocation,
  { client, clusterId }: Pick<TakeOverDeps, 'client' | 'clusterId'>,
): Promise<MacAllocation | undefined> {
  if (owner?.kind !== macAllocations.kind || owner.clusterId !== clusterId) return undefined;
  const { namespace, name } = owner;
  const from = await getOrUndefined(macAllocations, { namespace, name }, client);
  if (from === undefined || from.metadata.uid !== owner.uid || from.metadata.deletionTimestamp !== undefined)
    return undefined;
  return handsOverTo(from.metadata.annotations, claim.metadata) ? from : undefined;
}

function blocked(mac: MacAddress, { metadata: { namespace = '', name } }: MacAllocation): ReadyDecision {
  return {
    ready: false,
    reason: 'RequestedMacInUse',
    message: `MacAllocation ${namespace}/${name} hands ${mac} over, but something still uses it. Delete the pod or virtual machine that its status.consumer names`,
    retryAfterMs: BLOCKED_RETRY_MS,
  };
}

function outcomeOf(
  result: TransferOutcome,
  mac: MacAddress,
  from: MacAllocation,
  { state, pool }: AllocationRequest,
): AllocationOutcome | ReadyDecision | undefined {
  switch (result.outcome) {
    case 'transferred':
      return { outcome: 'allocated', mac, pool, state, generation: result.generation, expiresAt: result.expiresAt };
    case 'has_consumer':
      return blocked(mac, from);
    case 'other_state':
      return {
        ready: false,
        reason: 'InvalidSpec',
        message: `The claim that hands ${mac} over ${state === 'reserved' ? 'does not reserve it' : 'reserves it'}. Create a new MacAllocation with the same spec.reserved`,
      };
    case 'key_conflict':
    case 'not_adopted':
    case 'pool_quota':
    case 'namespace_quota':
      return { outcome: result.outcome };
    case 'not_open':
      return result;
    default:
      // It got another owner, or was released, since the row was read.
      return undefined;
  }
}
