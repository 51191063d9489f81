import { ledgerRecordOf, macOf } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { parseMac } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';

/** Returns the address that a MacAllocation shows, or `undefined` while it has none. */
export function addressOfAllocation({ metadata, spec, status }: MacAllocation): Address | undefined {
  const { allocatedAt = metadata.creationTimestamp, expiresAt, consumer } = status ?? {};
  const parsed = parseMac(macOf({ spec, status }) ?? '');
  if (!parsed.ok) return undefined;
  return {
    mac: parsed.mac,
    pool: spec.pool,
    state: spec.reserved === true ? 'reserved' : 'active',
    device: spec.device,
    owner: ownerOf({ metadata, spec, status }),
    consumer: consumer ?? spec.consumerRef,
    metadata: spec.attributes ?? {},
    allocatedAt: dateOf(allocatedAt),
    expiresAt: dateOf(expiresAt),
    generation: ledgerRecordOf({ spec, status })?.generation,
    requester: spec.requester?.username,
  };
}

/** Returns the object that a mirror MacAllocation belongs to, the name that a sticky claim belongs to, or the claim itself. */
function ownerOf({ metadata, spec, status }: MacAllocation): Owner {
  const { namespace = '', name, uid } = metadata;
  const { kind, name: owner, nic } = spec.consumerRef ?? spec.stickyFor ?? { kind: 'MacAllocation', name, nic: '' };
  const ownUid = spec.stickyFor === undefined ? uid : undefined;
  const clusterId = ledgerRecordOf({ spec, status })?.clusterId ?? '';
  return { clusterId, namespace, kind, name: owner, uid: spec.consumerRef?.uid ?? ownUid, nic };
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
