import type { ReportedInterface } from '../../api/network-status.ts';
import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { LiveAddress } from '../live/live-address.ts';
import type { Scope } from '../live/scope.ts';
import type { LiveWorkload } from '../live/workload.ts';

/** An interface of a running object, on a segment where others can meet it. */
export interface LinkUser extends LiveWorkload {
  readonly mac: MacAddress;
  readonly nic: string;
  readonly segment: string;
}

/** Which addresses running objects of this cluster have, as their status reports it. */
export interface OnLink {
  /** Returns the interfaces of running objects that have the address, as far as it is in the scope. */
  usersOf(mac: MacAddress): readonly LinkUser[];
  /** Returns whether the object of a live address runs with that address. A machine runs as its instance. */
  isRunning(address: Pick<LiveAddress, 'mac' | 'owner'>): boolean;
  /** Returns every address of a running object. */
  macs(): ReadonlySet<MacAddress>;
  /** Returns the segment of a network. */
  segmentOf(network: string | undefined): string;
}

/** Creates the view on the caches. It keeps nothing itself: the caches have an index by address. */
export function createOnLink({
  workloads,
  networks,
  scope,
}: Pick<Sources, 'workloads' | 'networks'> & { readonly scope: Scope }): OnLink {
  const definitionOf = (network: string | undefined) => (network === undefined ? undefined : networks.get(network));
  const segmentOf = (network: string | undefined) => definitionOf(network)?.segment ?? '';

  const usersIn = (live: LiveWorkload, mac: MacAddress): readonly LinkUser[] =>
    (live.workload.onWire ?? []).flatMap((each) => {
      const nic = nicOf(each);
      const owner = { kind: live.kind.resource.kind, namespace: live.workload.metadata.namespace ?? '' };
      if (each.mac !== mac || definitionOf(each.network)?.sharesAddress === true) return [];
      return scope.includes({ mac, owner }) ? [{ ...live, mac, nic, segment: segmentOf(each.network) }] : [];
    });

  const usersOf = (mac: MacAddress) =>
    [...workloads.values()].flatMap(({ kind, cache }) =>
      cache.by('onWire', mac).flatMap((workload) => usersIn({ kind, workload }, mac)),
    );

  return {
    usersOf,
    segmentOf,
    macs: () => {
      const macs = new Set<MacAddress>();
      for (const { cache } of workloads.values()) {
        for (const { onWire = [] } of cache.list()) for (const { mac } of onWire) macs.add(mac);
      }
      return macs;
    },
    isRunning: ({ mac, owner }) => usersOf(mac).some((user) => isOf(user, owner)),
  };
}

function nicOf({ name, isOwn }: ReportedInterface): string {
  return isOwn === true ? PRIMARY_NIC : name;
}

function isOf(
  { kind, workload: { metadata } }: LinkUser,
  { kind: ownerKind, namespace, name, uid }: LiveAddress['owner'],
) {
  if (metadata.uid === uid) return true;
  // An instance has the name of its machine.
  const isInstance = kind.resource.kind === instances.kind && ownerKind === machines.kind;
  return isInstance && metadata.namespace === namespace && metadata.name === name;
}
