import { formatAddresses, readAddresses, type ReportedAddress } from '../../api/addresses-annotation.ts';
import type { NetworkSupport } from '../../api/cni-plugins.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { isOptIn } from '../../api/opt-in.ts';
import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import { type Annotations, setAnnotations } from '../../kube/client/json-patch.ts';
import { type MacAddress, parseAnyMac } from '../../mac/mac-address.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { withClaims } from './claims-annotation.ts';
import { decideInterfaces, type InterfaceRequest } from './decide-interfaces.ts';
import { attachedTarget, ovnTarget, type PodNetworks, replacedTarget } from './multus-target.ts';
import { outsideAddresses, type Planned, toAddressRequests, warningsOf } from './plan.ts';
import { annotationOnly, type PodTarget, type PrimaryCni, primaryTarget } from './primary-target.ts';

/** The facts besides the pod that decide. */
export interface PodPlanOptions {
  readonly prefixes: Prefixes;
  /** OVN-Kubernetes refuses every change of a stored pod's default network, and so of the address of its own interface. */
  readonly primaryCni: PrimaryCni;
  /** For OVN-Kubernetes: `namespace/name` of the definition of its own network. */
  readonly primaryNetwork: string;
  /** Whether the pod is stored, and waited for its addresses. */
  readonly isStored?: boolean;
  /** Whether each network of the pod uses a given address, by `namespace/name`. */
  readonly support: ReadonlyMap<string, NetworkSupport>;
}

/** Decides which interfaces of a new pod get an address. */
export function planPod(
  annotations: Annotations | undefined,
  podNetworks: PodNetworks,
  { prefixes, ...options }: PodPlanOptions,
): Planned {
  const present = annotations ?? {};
  const targets = targetsOf(present, podNetworks, options);
  const claimed = withClaims(
    targets.flatMap((target) => target.requests),
    present[ANNOTATIONS.allocation],
  );
  if (!claimed.ok) return claimed;
  const { requests } = claimed;
  const decided = decideInterfaces(requests, { prefixes, copied: copiedMacs(present) });
  if (!decided.ok) return decided;
  const { addressRequests, networks, macsByInterface } = toAddressRequests(requests, decided.decisions);
  return {
    ok: true,
    plan: {
      addressRequests,
      networks,
      warnings: warningsOf(requests, decided.decisions),
      outside: outsideAddresses(requests, decided.decisions),
      cannotWait: options.primaryCni === 'ovn-kubernetes' && addressRequests.some(({ nic }) => nic === PRIMARY_NIC),
      patch: (macs, leaseId, stockToken) => {
        const byRequest = macsByInterface(macs);
        const addresses = requests.flatMap((request, index) => toReported(request, byRequest[index]));
        return setAnnotations(annotations, {
          ...networkAnnotations(targets, byRequest),
          [ANNOTATIONS.addresses]: formatAddresses(addresses),
          [ANNOTATIONS.lease]: leaseId,
          [ANNOTATIONS.stockToken]: stockToken,
        });
      },
    },
  };
}

function targetsOf(
  annotations: Annotations,
  { attached, replaced }: PodNetworks,
  options: Omit<PodPlanOptions, 'prefixes'>,
): readonly PodTarget[] {
  const targets: PodTarget[] = [];
  const own = replaced === undefined ? ownTarget(annotations, options) : replacedTarget(replaced, options.support);
  const isFixed = options.primaryCni === 'ovn-kubernetes' && options.isStored === true;
  if (own !== undefined && !isFixed) targets.push(own);
  if (attached !== undefined) targets.push(attachedTarget(attached, options.support, annotations));
  // A pod that is here only because its namespace opted in did not request an address that it cannot use.
  if (targets.length === 0 && isOptIn(annotations[ANNOTATIONS.inject])) targets.push(annotationOnly);
  return targets;
}

/** Returns the pod's own interface on the cluster's network, if the CNI takes an address for it. */
function ownTarget(
  annotations: Annotations,
  { primaryCni, primaryNetwork, support }: Omit<PodPlanOptions, 'prefixes'>,
): PodTarget | undefined {
  if (primaryCni === 'none') return undefined;
  return primaryCni === 'ovn-kubernetes' ? ovnTarget(primaryNetwork, support) : primaryTarget(annotations, primaryCni);
}

/**
 * Returns the addresses in the addresses annotation of an incoming pod. Such a pod was made from a stored one (a template, a
 * clone, `kubectl get -o yaml`), which still holds them, and gets others. Or an earlier admission of this pod wrote them.
 * Only the ledger knows.
 */
function copiedMacs(annotations: Annotations): ReadonlySet<MacAddress> {
  const macs = readAddresses(annotations[ANNOTATIONS.addresses]).map(({ mac }) => parseAnyMac(mac));
  return new Set(macs.filter((mac) => mac !== undefined));
}

function toReported(
  { network, interfaceName }: InterfaceRequest,
  mac: MacAddress | undefined,
): readonly ReportedAddress[] {
  return mac === undefined ? [] : [{ network, interface: interfaceName, mac }];
}

/** Returns the annotations of all targets. `macs` has one entry for each request of the targets, in their order. */
export function networkAnnotations(
  targets: readonly PodTarget[],
  macs: readonly (MacAddress | undefined)[],
): Readonly<Record<string, string>> {
  let start = 0;
  const all = targets.map((target) => {
    const own = macs.slice(start, start + target.requests.length);
    start += target.requests.length;
    return target.annotations(own);
  });
  return Object.assign({}, ...all) as Record<string, string>;
}
