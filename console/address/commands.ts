import type { About, AddressDetails } from '../../api/console.ts';

export interface AddressCommand {
  readonly what: string;
  readonly command: string;
}

type Mode = Pick<About, 'mode' | 'program'>;

/** Returns the commands that a person may want next for an address. Every value in them needs no quotes in a shell. */
export function commandsFor(address: AddressDetails, about: Mode): AddressCommand[] {
  const { mac } = address;
  const { program } = about;
  return [
    { what: 'Show it with its history', command: `${program} show ${mac}` },
    { what: 'Follow its changes', command: `${program} audit ${mac} --follow` },
    ...(address.state === 'released' ? forReleased(address, about) : forHeld(address, about)),
  ];
}

function forReleased({ mac, observed }: AddressDetails, { program }: Mode): AddressCommand[] {
  if (observed === true) return [{ what: 'Make the object that uses it its owner', command: `rock-mac adopt ${mac}` }];
  return [{ what: 'Reserve it', command: `${program} reserve -m ${mac} -d DEVICE` }];
}

/** Only devices and claims are released and renewed by a command: the others with their objects. */
function forHeld({ mac, state, owner }: AddressDetails, { mode, program }: Mode): AddressCommand[] {
  const isOwn = mode === 'ledger' ? owner === undefined : owner?.kind === 'MacAllocation';
  if (!isOwn) return [];
  const where = owner === undefined ? '' : ` -n ${owner.namespace}`;
  const force = state === 'reserved' || state === 'orphaned' ? ' --force' : '';
  const release = { what: 'Release it', command: `${program} release ${mac}${force}${where}` };
  return state === 'active' ? [release, { what: 'Renew it', command: `${program} renew ${mac}${where}` }] : [release];
}
