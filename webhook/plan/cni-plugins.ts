import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';

/**
 * What a network does with a MAC address: its plugin sets it on the interface, it ignores it silently, or the plugin is
 * unknown. Multus does not check, so this table is the only source.
 */
export type MacSupport = 'honoured' | 'ignored' | 'unknown';

/** Sources: docs/limits.md, "Which networks take an address". `tuning` sets it on the interface of the plugin before it. */
const HONOURING: ReadonlySet<string> = new Set([
  'bridge',
  'macvlan',
  'tap',
  'tuning',
  'sriov',
  'ovn-k8s-cni-overlay',
  'kube-ovn',
  'antrea',
]);

/** These take no MAC. The address of InfiniBand is its GUID. */
const IGNORING: ReadonlySet<string> = new Set([
  'ptp',
  'vlan',
  'dummy',
  'host-device',
  'loopback',
  'ib-sriov',
  'antrea-sriov',
]);

/** These change the interface of another plugin, and create none. */
const CHAINED: ReadonlySet<string> = new Set(['portmap', 'bandwidth', 'firewall', 'sbr', 'vrf', 'route-override']);

const plugin = z.looseObject({ type: z.string(), networkType: z.string().optional() });
const configuration = z.union([z.object({ plugins: z.array(plugin).min(1) }), plugin]);

/** Reads the CNI configuration of a NetworkAttachmentDefinition. Without one, the configuration lies on the nodes. */
export function macSupport(config: string | undefined): MacSupport {
  const parsed = configuration.safeParse(parseJson(config ?? ''));
  if (!parsed.success) return 'unknown';
  const plugins = 'plugins' in parsed.data ? parsed.data.plugins : [parsed.data];
  const types = (plugins as readonly z.infer<typeof plugin>[]).map(typeOf);
  // All its interfaces share the address of their parent, and the kernel refuses another: with tuning after it, ADD fails.
  if (types.includes('ipvlan')) return 'ignored';
  if (types.some((type) => HONOURING.has(type))) return 'honoured';
  const own = types.filter((type) => !CHAINED.has(type));
  return own.length > 0 && own.every((type) => IGNORING.has(type)) ? 'ignored' : 'unknown';
}

/** Antrea honours the address on VLAN networks and ignores it on SR-IOV ones. */
function typeOf({ type, networkType }: z.infer<typeof plugin>): string {
  return type === 'antrea' && networkType === 'sriov' ? 'antrea-sriov' : type;
}
