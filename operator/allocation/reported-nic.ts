import type { Logger } from 'pino';
import { macSupport } from '../../api/cni-plugins.ts';
import type { Nic, ReportedNic } from '../../api/nic.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { networkDefinitions } from '../../kube/client/network-definitions.ts';
import { formatKey, parseKey } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { UsedAddress } from '../live/workload.ts';

export type ReportedNicDeps = Pick<Sources, 'workloads'> & { readonly client: KubeClient; readonly logger: Logger };

/** An address on a live object of the kind with this name. */
export interface AddressOfKind extends UsedAddress {
  readonly kind: string;
}

/**
 * Returns what is reported about the interface that has an address. A virtual machine reports nothing itself: its instance does. A
 * network that takes no addresses is not to blame for another one: its author was warned at admission, and ipvlan shows the address
 * of its parent.
 */
export async function reportedNic(address: AddressOfKind, deps: ReportedNicDeps): Promise<ReportedNic> {
  const { actualMac, isSeen, network } = cachedNic(address, deps) ?? {};
  if (actualMac === undefined) return isSeen === true ? { isSeen } : {};
  return network !== undefined && (await ignoresAddresses(network, deps)) ? {} : { actualMac };
}

function cachedNic({ mac, ...address }: AddressOfKind, deps: Pick<ReportedNicDeps, 'workloads'>): Nic | undefined {
  const nics = address.kind === machines.kind ? nicsOfInstance(address, deps) : nicsOf(address, deps);
  return nics?.find((each) => each.mac === mac);
}

type Identity = Omit<AddressOfKind, 'mac'>;

function nicsOf({ kind, uid, ...key }: Identity, { workloads }: Pick<ReportedNicDeps, 'workloads'>) {
  const workload = workloads.get(kind)?.cache.get(formatKey(key));
  return workload?.metadata.uid === uid ? workload.nics : undefined;
}

/** An instance has the name of its machine. */
function nicsOfInstance({ kind: _, uid, ...key }: Identity, { workloads }: Pick<ReportedNicDeps, 'workloads'>) {
  const instance = workloads.get(instances.kind)?.cache.get(formatKey(key));
  return instance?.runsFor?.uid === uid ? instance.nicsOfOwner : undefined;
}

/** One that cannot be read may take addresses, as at admission. Nothing else waits for the answer. */
async function ignoresAddresses(network: string, { client, logger }: ReportedNicDeps): Promise<boolean> {
  try {
    const found = await getOrUndefined(networkDefinitions, parseKey(network), client);
    return found !== undefined && macSupport(found.spec?.config) === 'ignored';
  } catch (error) {
    logger.warn({ err: error, network }, 'could not read a network');
    return false;
  }
}
