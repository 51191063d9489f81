import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMacs } from '../../ledger/address/find.ts';
import { type Description, setMetadata, type SetResult } from '../../ledger/address/set-metadata.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { type AddressView, addressView } from '../../ledger/view/address-view.ts';
import type { CommandResult, SetRequest } from '../backend.ts';
import { type CommandRefusal, commandRefusal } from '../errors.ts';
import { qualifiedName } from '../output/address-list.ts';

/** How often the change is made again on what somebody else wrote meanwhile. */
const ATTEMPTS = 5;

/** Changes what is said about the device of addresses: of all of them, or of none. `read` returns them. */
export async function setOnRows(
  ledger: Queryable,
  read: () => Promise<readonly AddressRow[]>,
  request: SetRequest,
  user: string,
): Promise<CommandResult<readonly AddressView[]>> {
  const options = { actor: user, reason: request.reason ?? 'set with rock-mac' };
  for (let attempt = 1; ; attempt++) {
    const rows = await read();
    const held = rows.find(({ owner, state }) => owner !== undefined || state === 'stocked');
    if (held !== undefined) return { kind: 'refused', refusal: heldInCluster(held) };
    const items = rows.map((row) => {
      const before = { metadata: row.metadata, type: row.device?.type };
      return { mac: row.mac, generation: row.generation, key: row.key, before, after: changed(before, request) };
    });
    const result: SetResult = items.length === 0 ? { outcome: 'set' } : await setMetadata(ledger, items, options);
    if (result.outcome === 'set') {
      const macs = rows.map(({ mac }) => mac);
      return { kind: 'done', value: (await findByMacs(ledger, macs)).map(addressView) };
    }
    if (result.outcome === 'invalid')
      return { kind: 'refused', refusal: commandRefusal('The change was refused:', result.why) };
    if (attempt === ATTEMPTS) return { kind: 'refused', refusal: changedMeanwhile(rows) };
  }
}

/** Returns a description with the changes of a request. */
export function changed({ metadata, type }: Description, { values, without, ...request }: SetRequest): Description {
  const kept = Object.entries(metadata).filter(([key]) => !without.includes(key));
  return {
    metadata: Object.fromEntries([...kept, ...Object.entries(values)]),
    type: request.type === undefined ? type : (request.type ?? undefined),
  };
}

function heldInCluster({ mac, owner }: AddressRow): CommandRefusal {
  const holder = owner === undefined ? 'an object' : `${owner.kind} ${qualifiedName(owner)}`;
  return commandRefusal(
    `${mac} is held by ${holder} in a cluster, so nothing was set.`,
    owner?.kind === 'MacAllocation'
      ? 'The attributes of a claim cannot be changed: create a new one with the right ones.'
      : 'Only devices and claims have metadata.',
    'conflict',
  );
}

function changedMeanwhile(rows: readonly AddressRow[]): CommandRefusal {
  return commandRefusal(
    `${rows.map(({ mac }) => mac).join(', ')} was changed by somebody else at the same moment, so nothing was set.`,
    'Try again.',
    'conflict',
  );
}
