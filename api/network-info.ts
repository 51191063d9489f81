import { z } from 'zod';
import { type Nic, unicastMac } from './nic.ts';
import { parseJson } from './parse-json.ts';

/**
 * KubeVirt writes it on a launcher pod whose machine has SR-IOV interfaces. Once the pod is ready, KubeVirt takes those
 * interfaces out of the networks annotation, so only this one still has their addresses.
 */
export const NETWORK_INFO_ANNOTATION = 'kubevirt.io/network-info';

const schema = z.object({ interfaces: z.array(z.object({ network: z.string(), mac: z.string().optional() })) });

/** Returns the addresses in the network-info annotation. A text of another shape has none. */
export function networkInfoNics(annotation: string | undefined): readonly Nic[] {
  const { interfaces = [] } = schema.safeParse(parseJson(annotation ?? '')).data ?? {};
  return interfaces.flatMap(({ network, mac }): Nic[] => {
    const used = unicastMac(mac);
    return used === undefined ? [] : [{ nic: network, mac: used }];
  });
}
