import type { Address, Releasable } from '../backend.ts';
import { holderName, objectText } from '../output/address-list.ts';
import { grouped } from '../output/progress.ts';
import { printable } from '../output/table.ts';

/** How many addresses a plan names. */
const NAMED = 5;

/** Returns lines that say what a release of many addresses would do: how many of each pool and kind of holder, and the first few. */
export function releasePlan({ addresses, left }: Releasable): string[] {
  return [
    `${grouped(addresses.length)} address(es) fit:`,
    ...[...Map.groupBy(addresses, ({ pool }) => pool)].map(([pool, held]) => `  ${pool}: ${kindsOf(held)}`),
    ...addresses.slice(0, NAMED).map((address) => `  ${address.mac} ${printable(nameOf(address))}`.trimEnd()),
    ...(addresses.length > NAMED ? [`  and ${grouped(addresses.length - NAMED)} more`] : []),
    ...leftLines(left),
  ];
}

/** Says how many addresses stay, because only the end of their objects releases them. */
export function leftLines(left: number): string[] {
  return left === 0
    ? []
    : [`${grouped(left)} address(es) that pods, virtual machines or claims in use hold are left out.`];
}

function kindsOf(addresses: readonly Address[]): string {
  const kinds = Map.groupBy(addresses, ({ owner, state }) => `${owner?.kind ?? 'device'}, ${state}`);
  return [...kinds].map(([kind, held]) => `${grouped(held.length)} (${kind})`).join(', ');
}

function nameOf(address: Address): string {
  return address.owner === undefined ? holderName(address) : objectText(address.owner);
}
