import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';

/**
 * What becomes of a MAC address that is given to a network: the plugin puts it onto the interface, or it drops it without
 * a word, or nobody knows. Multus does not check, so that nothing but this table tells.
 */
export type MacSupport = 'honoured' | 'ignored' | 'unknown';

/** Sources: docs/limits.md, "Which networks take an address". `tuning` sets it on whatever came before it in its chain. */
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

/** No input for a MAC; of InfiniBand the address is its GUID. */
const IGNORING: ReadonlySet<string> = new Set([
  'ptp',
  'vlan',
  'dummy',
  'host-device',
  'loopback',
  'ib-sriov',
  'antrea-sriov',
]);

/** They change what others made, and have no interface of their own. */
const CHAINED: ReadonlySet<string> = new Set(['portmap', 'bandwidth', 'firewall', 'sbr', 'vrf', 'route-override']);

const plugin = z.looseObject({ type: z.string(), networkType: z.string().optional() });
const configuration = z.union([z.object({ plugins: z.array(plugin).min(1) }), plugin]);

/** Reads the CNI configuration of a NetworkAttachmentDefinition. None at all means one that lies on the nodes. */
export function macSupport(config: string | undefined): MacSupport {
  const parsed = configuration.safeParse(parseJson(config ?? ''));
  if (!parsed.success) return 'unknown';
  const plugins = 'plugins' in parsed.data ? parsed.data.plugins : [parsed.data];
  const types = (plugins as readonly z.infer<typeof plugin>[]).map(typeOf);
  // All of them share their parent's address, and the kernel refuses another one: with tuning behind it, ADD would fail.
  if (types.includes('ipvlan')) return 'ignored';
  if (types.some((type) => HONOURING.has(type))) return 'honoured';
  const own = types.filter((type) => !CHAINED.has(type));
  return own.length > 0 && own.every((type) => IGNORING.has(type)) ? 'ignored' : 'unknown';
}

/** Antrea honours the address on VLAN networks and ignores it on SR-IOV ones. */
function typeOf({ type, networkType }: z.infer<typeof plugin>): string {
  return type === 'antrea' && networkType === 'sriov' ? 'antrea-sriov' : type;
}
