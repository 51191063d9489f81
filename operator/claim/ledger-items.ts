import { parseDuration } from '../../api/duration.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { readReason } from '../../api/reason.ts';
import { canonicalMetadata, type Metadata } from '../../api/well-known-metadata.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { AdoptItem } from '../../ledger/address/adopt.ts';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { TransferItem } from '../../ledger/address/transfer.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

type LedgerItemDeps = Pick<OperatorDeps, 'clusterId' | 'actor'>;

/** Why a claim gets an address, if its author does not say it. */
const CLAIMED = 'claim';

/** Returns the request for a claim's address; `undefined` where no device may own the requested address. */
export function allocationRequestOf(
  claim: MacAllocation,
  { clusterId, actor }: LedgerItemDeps,
): AllocationRequest | undefined {
  const { pool, requestedMac, reserved = false, device, attributes, requester } = claim.spec;
  const { namespace = '', name, uid } = claim.metadata;
  const parsed = requestedMac === undefined ? undefined : parseMac(requestedMac);
  if (parsed?.ok === false) return undefined;
  return {
    key: claimKey({ clusterId, uid }),
    pool,
    requested: parsed?.mac,
    overridesDelay: claim.metadata.annotations?.[ANNOTATIONS.overrideReuseDelay] === 'true',
    state: reserved ? 'reserved' : 'active',
    owner: ownerOfClaim(claim, clusterId),
    device,
    metadata: metadataOf(attributes),
    ttlSeconds: ttlSecondsOf(claim),
    requester: requester?.username ?? `MacAllocation ${namespace}/${name}`,
    actor,
    reason: reasonOf(claim) ?? CLAIMED,
  };
}

/** Returns why the author of a claim wants an address, if it says so. */
function reasonOf({ metadata: { annotations = {} } }: MacAllocation): string | undefined {
  return readReason(annotations[ANNOTATIONS.reason]);
}

/** Returns the item that records the address in a claim's status; `undefined` for a claim without an address. */
export function adoptItemOf(
  claim: MacAllocation,
  reason: string,
  { clusterId, actor }: LedgerItemDeps,
): AdoptItem | undefined {
  const mac = statusMac(claim);
  if (mac === undefined) return undefined;
  const { device, attributes, reserved = false } = claim.spec;
  return {
    mac,
    key: claimKey({ clusterId, uid: claim.metadata.uid }),
    owner: ownerOfClaim(claim, clusterId),
    state: reserved ? 'reserved' : 'active',
    device,
    metadata: metadataOf(attributes),
    ttlSeconds: ttlSecondsOf(claim),
    requester: actor,
    reason,
  };
}

/** Returns attributes in the notation of the ledger. It refuses wrong ones of a new claim, and keeps those of an older one. */
function metadataOf(attributes: Metadata | undefined): Metadata | undefined {
  const canonical = attributes && canonicalMetadata(attributes);
  return canonical?.ok === true ? canonical.metadata : attributes;
}

/** Returns `spec.expiresAfter` in seconds. A reserved address never expires. */
export function ttlSecondsOf({ spec: { reserved = false, expiresAfter } }: MacAllocation): number | undefined {
  return reserved || expiresAfter === undefined ? undefined : parseDuration(expiresAfter);
}

export function statusMac({ status }: MacAllocation): MacAddress | undefined {
  const parsed = parseMac(status?.mac ?? '');
  return parsed.ok ? parsed.mac : undefined;
}

/** Returns the item that gives a claim the address of another one, by the request of the claim that gets it. */
export function transferItemOf(
  from: AddressRow,
  { key: newKey, state, owner, ...request }: AllocationRequest,
): TransferItem | undefined {
  const uid = owner?.uid;
  if (from.owner === undefined || owner === undefined || uid === undefined || state === 'pending') return undefined;
  const { namespace, name } = from.owner;
  return {
    ...{ mac: from.mac, generation: from.generation, key: from.key, newKey, state, owner: { ...owner, uid } },
    ...{ device: request.device, metadata: request.metadata, ttlSeconds: request.ttlSeconds },
    ...{ maxAddresses: request.maxAddresses, requester: request.requester },
    reason:
      request.reason === undefined || request.reason === CLAIMED
        ? `handed over by MacAllocation ${namespace}/${name}`
        : request.reason,
  };
}

function ownerOfClaim({ metadata }: MacAllocation, clusterId: string): Owner & { readonly uid: string } {
  const { namespace = '', name, uid } = metadata;
  return { clusterId, kind: 'MacAllocation', namespace, name, uid, nic: '' };
}
