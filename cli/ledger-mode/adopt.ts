import { adopt } from '../../ledger/address/adopt.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { type Observation, observationsOfMac } from '../../ledger/observation/observations.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { type CommandRefusal, commandRefusal } from '../errors.ts';
import { holderName } from '../output/address-list.ts';
import { currentUser } from './current-user.ts';

export interface Adopted {
  readonly mac: MacAddress;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly nic: string;
}

interface AdoptOptions {
  /** `namespace/name` of the object that gets the address. */
  readonly object: string | undefined;
  readonly dryRun: boolean;
  readonly reason?: string | undefined;
}

/**
 * Gives observed addresses to the objects that use them. Each address is decided on its own: a refused one does not keep
 * the others from being adopted.
 */
export async function adoptAddresses(
  ledger: Queryable,
  macs: readonly MacAddress[],
  { object, dryRun, reason }: AdoptOptions,
): Promise<{ readonly adopted: readonly Adopted[]; readonly refused: readonly CommandRefusal[] }> {
  const adopted: Adopted[] = [];
  const refused: CommandRefusal[] = [];
  for (const mac of macs) {
    const found = chooseObject(mac, await observationsOfMac(ledger, mac), object);
    const refusedBecause = 'cause' in found ? found : dryRun ? undefined : await adoptOne(ledger, found, reason);
    if (refusedBecause !== undefined) refused.push(refusedBecause);
    else if (!('cause' in found)) {
      const { kind, namespace, name, nic } = found.object;
      adopted.push({ mac, kind, namespace, name, nic });
    }
  }
  return { adopted, refused };
}

/** Returns the one object that uses the address, or why there is none to choose. */
export function chooseObject(
  mac: MacAddress,
  observations: readonly Observation[],
  wanted: string | undefined,
): Observation | CommandRefusal {
  const candidates = observations.filter(({ object }) => wanted === undefined || nameOf(object) === wanted);
  const [only, ...others] = candidates;
  if (only === undefined) {
    const who = wanted === undefined ? 'No live object' : `No live object ${wanted}`;
    return commandRefusal(
      `${who} is known to use ${mac} without owning it.`,
      `Run \`rock-mac show ${mac}\`. An operator reports an object within a few minutes.`,
      'notFound',
    );
  }
  if (others.length === 0) return only;
  return commandRefusal(
    `${String(candidates.length)} interfaces use ${mac}: ${candidates.map(({ object }) => `${object.kind} ${nameOf(object)}, ${object.nic}`).join('; ')}.`,
    'Name the object with --object, after giving the others another address.',
    'conflict',
  );
}

async function adoptOne(
  ledger: Queryable,
  { mac, object }: Observation,
  reason = 'adopted by an admin',
): Promise<CommandRefusal | undefined> {
  const user = currentUser();
  const item = {
    mac,
    key: boundKey({ ...object, mac }),
    owner: object,
    requester: user,
    reason,
  };
  const [result] = await adopt(ledger, [item], user);
  switch (result?.outcome) {
    case 'adopted':
    case 'held':
      return undefined;
    case 'conflict':
      return commandRefusal(
        `${mac} is held by ${holderName(result.holder) || 'another owner'} (${result.holder.state}).`,
        'Release it there first, or give one of the two another address.',
        'conflict',
      );
    case 'in_no_pool':
      return commandRefusal(`${mac} is in no pool.`, 'Define a pool whose range contains it.');
    case 'not_registered':
      return commandRefusal(
        `The cluster of ${nameOf(object)} is retired.`,
        'Nothing there can own an address any more.',
      );
    default:
      return commandRefusal(
        `${mac} could not be adopted (${result?.outcome ?? 'no result'}).`,
        'Try again.',
        'conflict',
      );
  }
}

function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
