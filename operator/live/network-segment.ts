import { macSupport } from '../../api/cni-plugins.ts';
import { segmentOf } from '../../api/segment.ts';
import { sharesParentAddress } from '../../api/shared-address.ts';
import { networkDefinitions } from '../../kube/client/network-definitions.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { trimMetadata } from './workload.ts';

/** A NetworkAttachmentDefinition, reduced to what its interfaces do with addresses, and which of them can meet others. */
export interface NetworkSegment extends KubeObject {
  /** The segment that its annotation names. Empty: the one without a name. */
  readonly segment: string;
  /** Its interfaces have the address of their parent, so equal addresses are no mistake. */
  readonly sharesAddress: boolean;
  /** Its plugins take no address, so the interface has another one than its object asks for. */
  readonly ignoresAddresses: boolean;
}

/** The NetworkAttachmentDefinitions of the cluster, trimmed before they are cached. */
export const networkSegments: Resource<NetworkSegment> = {
  ...networkDefinitions,
  schema: networkDefinitions.schema.transform(({ metadata, spec }) => ({
    metadata: trimMetadata(metadata),
    segment: segmentOf(metadata),
    sharesAddress: sharesParentAddress(spec?.config),
    ignoresAddresses: macSupport(spec?.config) === 'ignored',
  })),
};
