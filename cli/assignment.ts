import { isLocallyAdministered, type MacAddress } from '../mac/mac-address.ts';

/** Who assigned an address to its device or its network, as far as the address itself says it. */
export interface Assignment {
  /** `local`: the network did, and another network may have the same address. `universal`: IEEE gave its block to a vendor. */
  readonly administration: 'universal' | 'local';
  /** The holder of the block in IEEE's registry, as of the version of the package with it. */
  readonly vendor?: string;
}

/** The lengths of IEEE's blocks in hex digits: MA-S, MA-M, MA-L. Small ones lie in large ones that IEEE keeps. */
const BLOCK_DIGITS = [9, 7, 6] as const;

/** Reads the registry when it is first needed: it is larger than the rest of the program. */
export async function assignmentOf(mac: MacAddress): Promise<Assignment> {
  const { default: registry } = await import('oui-data', { with: { type: 'json' } });
  const digits = mac.replaceAll(':', '').toUpperCase();
  const block = BLOCK_DIGITS.map((length) => digits.slice(0, length)).find((each) => Object.hasOwn(registry, each));
  const [vendor] = block === undefined ? [] : (registry[block] ?? '').split('\n', 1);
  return { administration: isLocallyAdministered(mac) ? 'local' : 'universal', ...(vendor && { vendor }) };
}

/** Returns one line for people. */
export function assignmentText({ administration, vendor }: Assignment): string {
  const bit = administration === 'local' ? 'locally administered' : 'universally administered';
  return vendor === undefined ? bit : `${vendor}, ${bit}`;
}
