import type { ReportedNic } from '../../api/nic.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { boundKey, leaseKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { StockToken, Workload, WorkloadKind } from './workload.ts';

/** An address on an interface of a live object, with the owner that the ledger would record for it. */
export interface LiveAddress {
  readonly mac: MacAddress;
  readonly owner: Owner & { readonly uid: string };
  /** `namespace/name` of the NetworkAttachmentDefinition, if the interface has one. */
  readonly network?: string | undefined;
  /** The lease id in the object's annotations. */
  readonly lease?: string | undefined;
  /** The token in the object's annotations, not verified. */
  readonly stockToken?: StockToken | undefined;
  /** The name of the KubeVirt object that the object says it runs for. */
  readonly runsFor?: string | undefined;
  /** The object's networks do not have it, although the webhook wrote it into them. */
  readonly isOnlyReported?: boolean | undefined;
  /** Other interfaces of the object that have the same address, by a mistake of its author. */
  readonly alsoOn?: readonly string[] | undefined;
}

/** A live address with the object that uses it, and what is reported about its interface. */
export interface WorkloadAddress extends LiveAddress {
  readonly reported?: ReportedNic | undefined;
  readonly workload: Workload;
  readonly kind: WorkloadKind;
}

/** Returns the addresses that a stored object uses and owns. */
export function liveAddresses(
  { metadata: { namespace = '', name, uid }, nics, lease, stockToken, runsFor }: Workload,
  { resource }: WorkloadKind,
  { clusterId }: Pick<Owner, 'clusterId'>,
): readonly LiveAddress[] {
  const byMac = Map.groupBy(nics, ({ mac }) => mac);
  return nics.map(({ nic, mac, network, isOnlyReported }) => ({
    mac,
    network,
    isOnlyReported,
    owner: { clusterId, kind: resource.kind, namespace, name, uid, nic },
    lease,
    stockToken,
    runsFor: runsFor?.name,
    alsoOn: (byMac.get(mac) ?? []).flatMap((other) => (other.nic === nic ? [] : other.nic)),
  }));
}

/** Returns the holder key of an address that is bound to this object. */
export function liveKey({ mac, owner: { clusterId, uid, nic } }: LiveAddress): string {
  return boundKey({ clusterId, uid, nic, mac });
}

/** Returns whether a holder key comes from the lease id that the webhook wrote into this object. */
export function isHeldByLease(key: string, { owner, lease }: LiveAddress): boolean {
  return lease !== undefined && key === leaseKey(lease, owner.nic);
}

/**
 * Returns whether the object still uses the address, by an uncached read. Checked before the ledger gives an object an
 * address that it does not hold yet. Each kind has its own watch, so a mirror's deletion may arrive before its object's.
 * An adoption for a deleted object would be reverted, but it would stay in the audit log.
 */
export function isStillUsed({ kind, owner, mac }: WorkloadAddress, client: KubeClient): Promise<boolean> {
  return kind.stillUses({ ...owner, mac }, client);
}

/** Returns whether the object itself is stored with the address, by an uncached read. What outlived it does not count. */
export async function isStored({ kind, owner, mac }: WorkloadAddress, client: KubeClient): Promise<boolean> {
  const live = await getOrUndefined(kind.resource, owner, client);
  return live?.metadata.uid === owner.uid && live.uses.includes(mac);
}

/** Returns the log fields of an address. */
export function describeAddress({ owner: { kind, namespace, name, nic }, mac }: LiveAddress) {
  return { kind, namespace, name, nic, mac };
}
