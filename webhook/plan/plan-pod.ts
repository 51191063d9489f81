import { formatAddresses, readAddresses, type ReportedAddress } from '../../api/addresses-annotation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { setAnnotations, type Annotations } from '../../kube/client/json-patch.ts';
import { parseAnyMac, type MacAddress } from '../../mac/mac-address.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { withClaims } from './claims-annotation.ts';
import { attachedTarget, replacedTarget, type PodNetworks } from './multus-target.ts';
import type { NetworkSupport } from '../watch/networks.ts';
import { ledgerRequestsOf, warningsOf, type Planned } from './plan.ts';
import type { PodTarget } from './pod-target.ts';
import { annotationOnly, primaryTarget, type PrimaryCni } from './primary-target.ts';
import { decideInterfaces, type InterfaceRequest } from './decide-interfaces.ts';

/** What else decides, beside the pod. */
export interface PodPlanOptions {
  readonly prefix: MacPrefix;
  readonly primaryCni: PrimaryCni;
  /** What each network that the pod names does with an address. */
  readonly support: ReadonlyMap<string, NetworkSupport>;
}

/** Decides, without asking anybody, which interfaces of a new pod get an address. */
export function planPod(
  annotations: Annotations | undefined,
  networks: PodNetworks,
  { prefix, primaryCni, support }: PodPlanOptions,
): Planned {
  const present = annotations ?? {};
  const targets = targetsOf(present, networks, { primaryCni, support });
  const claimed = withClaims(
    targets.flatMap((target) => target.requests),
    present[ANNOTATIONS.allocation],
  );
  if (!claimed.ok) return claimed;
  const { requests } = claimed;
  const decided = decideInterfaces(requests, { prefix, copied: copiedMacs(present) });
  if (!decided.ok) return decided;
  const { nics, answers } = ledgerRequestsOf(requests, decided.decisions);
  return {
    ok: true,
    plan: {
      nics,
      warnings: warningsOf(requests, decided.decisions),
      patch: (macs, leaseId) => {
        const byRequest = answers(macs);
        const addresses = requests.flatMap((request, index) => carried(request, byRequest[index]));
        return setAnnotations(annotations, {
          ...written(targets, byRequest),
          [ANNOTATIONS.addresses]: formatAddresses(addresses),
          [ANNOTATIONS.lease]: leaseId,
        });
      },
    },
  };
}

function targetsOf(
  annotations: Annotations,
  { attached, replaced }: PodNetworks,
  { primaryCni, support }: Omit<PodPlanOptions, 'prefix'>,
): readonly PodTarget[] {
  const targets: PodTarget[] = [];
  if (replaced !== undefined) targets.push(replacedTarget(replaced, support));
  else if (primaryCni !== 'none') targets.push(primaryTarget(annotations, primaryCni));
  if (attached !== undefined) targets.push(attachedTarget(attached, support));
  // Who was only in a namespace that opted in did not ask for what it cannot use.
  if (targets.length === 0 && annotations[ANNOTATIONS.inject] === 'true') targets.push(annotationOnly);
  return targets;
}

/**
 * The MACs that our own annotation lists on an incoming pod. The pod was made from a stored one (a template, a clone,
 * `kubectl get -o yaml`), which still holds them: they count as copied and are replaced, not claimed.
 */
function copiedMacs(annotations: Annotations): ReadonlySet<MacAddress> {
  const macs = readAddresses(annotations[ANNOTATIONS.addresses]).map(({ mac }) => parseAnyMac(mac));
  return new Set(macs.filter((mac) => mac !== undefined));
}

function carried(
  { network, interfaceName }: InterfaceRequest,
  mac: MacAddress | undefined,
): readonly ReportedAddress[] {
  return mac === undefined ? [] : [{ network, interface: interfaceName, mac }];
}

function written(
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
