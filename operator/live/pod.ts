import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import { NETWORK_INFO_ANNOTATION, networkInfoNics } from '../../api/network-info.ts';
import { reportedInterfaces } from '../../api/network-status.ts';
import { MOST_INTERFACES_READ, type Nic } from '../../api/nic.ts';
import { podNics, PRIMARY_NIC } from '../../api/pod-nics.ts';
import { gatedSpec, gateIndex } from '../../api/scheduling-gate.ts';
import { type ObjectMeta, objectMeta } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { createStringInterner, type InternString } from '../../kube/controller/string-interning.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { instances } from './kubevirt-kinds.ts';
import { replicaOf } from './replica.ts';
import { skipsAdmission } from './skips-admission.ts';
import {
  addressesOf,
  controllerOf,
  internNetworks,
  leaseOf,
  onWireOf,
  trimWorkloadMetadata,
  type Workload,
  type WorkloadGate,
  type WorkloadKind,
} from './workload.ts';

type Annotations = Readonly<Record<string, string>>;

/**
 * Returns the Pod kind. A finished pod never runs again, so it no longer uses its addresses. A pod with our gate has never run:
 * its annotations have what it asks for, or what the pod had that it was copied from.
 *
 * `readsOwn` decides about the address of a pod's own interface. Where no CNI is named that takes one, each pod has such an
 * address, and it is of no concern.
 */
export function podWorkload(readsOwn: (mac: MacAddress) => boolean = () => true): WorkloadKind {
  const intern = createStringInterner();
  const nicsOf = (namespace: string, annotations: Annotations, isLauncher: boolean): readonly Nic[] => {
    const inNetworks = internNetworks(podNics({ namespace, annotations }), intern);
    const inInfo = isLauncher ? networkInfoNics(annotations[NETWORK_INFO_ANNOTATION]) : [];
    const known = new Set(inNetworks.map(({ mac }) => mac));
    const found = [...inNetworks, ...inInfo.filter(({ mac }) => !known.has(mac))];
    return found.filter(({ nic, mac }) => nic !== PRIMARY_NIC || readsOwn(mac)).slice(0, MOST_INTERFACES_READ);
  };
  const interfacesOf = (annotations: Annotations, phase: string | undefined) =>
    (phase === 'Running' ? reportedInterfaces(annotations) : []).filter(
      ({ mac, isOwn }) => isOwn !== true || readsOwn(mac),
    );
  const schema = z
    .object({
      metadata: objectMeta.extend({ generateName: z.string().optional() }),
      spec: gatedSpec
        .pick({ schedulingGates: true, nodeName: true })
        .extend({ terminationGracePeriodSeconds: z.number().nullish(), hostNetwork: z.boolean().optional() })
        .strip()
        .optional(),
      status: z.object({ phase: z.string().optional() }).optional(),
    })
    .transform(({ metadata, spec, status }): Workload => {
      const gate = gateOf(metadata, spec);
      if (gate !== undefined) return { metadata: trimWorkloadMetadata(metadata), nics: [], uses: [], gate };
      const { namespace = '', annotations = {} } = metadata;
      const finished = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      const isLauncher = controllerOf(metadata, instances) !== undefined;
      const found = finished ? [] : nicsOf(namespace, annotations, isLauncher);
      return {
        metadata: trimWorkloadMetadata(metadata),
        // The instance of a virt-launcher pod, or the instance's VM, owns the addresses of the pod.
        ...addressesOf(metadata, instances, found),
        uses: found.map(({ mac }) => mac),
        ...onWireOf(isLauncher ? [] : interfacesOf(annotations, status?.phase), intern),
        ...(finished ? { finished, ...ranOnOf(spec) } : runsOnOf(spec, intern)),
        ...skippedAdmissionOf(metadata, spec, isLauncher),
        ...(finished ? {} : stockTokenOf(metadata, intern)),
        ...leaseOf(metadata),
        ...replicaOf(metadata, intern),
      };
    });
  const resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, schema };
  return {
    resource,
    parent: instances,
    optional: false,
    canBeGated: true,
    endsItsUse: true,
    // Ignores the current annotations: an interface keeps the address that it was created with.
    stillUses: async ({ namespace, name, uid }, client) => {
      const pod = await getOrUndefined(resource, { namespace, name }, client);
      return pod?.metadata.uid === uid && pod.finished !== true;
    },
  };
}

function skippedAdmissionOf(
  metadata: ObjectMeta,
  spec: { readonly hostNetwork?: boolean | undefined } | undefined,
  isLauncher: boolean,
): Pick<Workload, 'skippedAdmission'> {
  return isLauncher || spec?.hostNetwork === true || skipsAdmission(metadata) ? { skippedAdmission: true } : {};
}

/** Our tokens are much shorter. Everybody can write the annotation, and each is kept in memory. */
const LONGEST_TOKEN = 16_384;

function stockTokenOf(
  { annotations = {}, generateName = '' }: ObjectMeta & { readonly generateName?: string | undefined },
  intern: InternString,
): Pick<Workload, 'stockToken'> {
  const text = annotations[ANNOTATIONS.stockToken];
  if (text === undefined || text.length > LONGEST_TOKEN) return {};
  return { stockToken: { text, generateName: intern(generateName) } };
}

function gateOf({ annotations = {} }: ObjectMeta, spec: unknown): WorkloadGate | undefined {
  const index = gateIndex(spec);
  if (index < 0) return undefined;
  const hasToken = annotations[ANNOTATIONS.gateToken] !== undefined;
  return { index, hasToken, reason: annotations[ANNOTATIONS.gateReason] };
}

/** A kubelet gives a pod 30 s if its spec does not say how many. */
const DEFAULT_GRACE_SECONDS = 30;

/** 68 years. The API server accepts any 64-bit number, also a negative one. */
const MAX_GRACE_SECONDS = 2 ** 31 - 1;

function ranOnOf(spec: { readonly nodeName?: string | undefined } = {}): Pick<Workload, 'ranOn'> {
  return spec.nodeName === undefined || spec.nodeName === '' ? {} : { ranOn: spec.nodeName };
}

function runsOnOf(
  spec: {
    readonly nodeName?: string | undefined;
    readonly terminationGracePeriodSeconds?: number | null | undefined;
  } = {},
  intern: InternString,
): Pick<Workload, 'runsOn'> {
  const { nodeName, terminationGracePeriodSeconds } = spec;
  if (nodeName === undefined || nodeName === '') return {};
  const seconds = terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  return { runsOn: { node: intern(nodeName), graceSeconds: Math.min(Math.max(seconds, 0), MAX_GRACE_SECONDS) } };
}
