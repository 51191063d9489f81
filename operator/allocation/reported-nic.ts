import type { Nic, ReportedNic } from '../../api/nic.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { Scope } from '../live/scope.ts';
import { isMigrating, type UsedAddress } from '../live/workload.ts';

export type ReportedNicDeps = Pick<Sources, 'workloads' | 'networks'> & {
  readonly scope: Pick<Scope, 'isOurs'>;
};

/** An address on a live object of the kind with this name. */
export interface AddressOfKind extends UsedAddress {
  readonly kind: string;
}

/**
 * Returns what is reported about the interface that has an address. A virtual machine reports nothing itself: its instance does. A
 * network that takes no addresses is not to blame for another one: its author was warned at admission, and ipvlan shows the address
 * of its parent.
 */
export function reportedNic(address: AddressOfKind, deps: ReportedNicDeps): ReportedNic {
  const { actualMac, isSeen, network } = cachedNic(address, deps) ?? {};
  if (actualMac === undefined) return isSeen === true ? { isSeen } : {};
  // From the cache: every address is looked at before it is bound, so a read of its network would hold that up.
  const isIgnored = network !== undefined && deps.networks.get(network)?.ignoresAddresses === true;
  return isIgnored ? {} : { actualMac };
}

function cachedNic(
  { mac, ...address }: AddressOfKind,
  deps: Pick<ReportedNicDeps, 'workloads' | 'scope'>,
): Nic | undefined {
  const nics = address.kind === machines.kind ? nicsOfInstance(address, deps) : nicsOf(address, deps);
  return nics?.find((each) => each.mac === mac);
}

type Identity = Omit<AddressOfKind, 'mac'>;

function nicsOf({ kind, uid, ...key }: Identity, { workloads }: Pick<ReportedNicDeps, 'workloads'>) {
  const workload = workloads.get(kind)?.cache.get(formatKey(key));
  return workload?.metadata.uid === uid ? workload.nics : undefined;
}

/**
 * An instance has the name of its machine. A guest that migrates in from another machine has the addresses of that one: no plugin is to
 * blame for an address of ours there.
 */
function nicsOfInstance(
  { kind: _, uid, ...key }: Identity,
  { workloads, scope }: Pick<ReportedNicDeps, 'workloads' | 'scope'>,
): readonly Nic[] | undefined {
  const instance = workloads.get(instances.kind)?.cache.get(formatKey(key));
  if (instance?.runsFor?.uid !== uid) return undefined;
  if (!isMigrating(instance)) return instance.nicsOfOwner;
  return instance.nicsOfOwner?.map(({ actualMac, ...nic }) =>
    actualMac === undefined || scope.isOurs(actualMac) ? nic : { ...nic, actualMac },
  );
}
