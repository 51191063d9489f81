import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import { transfer, type TransferOutcome } from '../../ledger/address/transfer.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { type AddressView, addressView } from '../../ledger/view/address-view.ts';
import type { CommandResult, TransferRequest } from '../backend.ts';
import { type CommandRefusal, commandRefusal } from '../errors.ts';
import { qualifiedName } from '../output/address-list.ts';
import { explainRefusal } from './refusals.ts';

/** Hands the address of a device over to another device. A device that has the address already keeps it. */
export async function transferToDevice(
  ledger: Queryable,
  request: TransferRequest,
  user: string,
): Promise<CommandResult<AddressView>> {
  const { mac } = request;
  const row = await findByMac(ledger, mac);
  if (row === undefined) return { kind: 'refused', refusal: notHeld(mac) };
  const refusal = refuse(row);
  if (refusal !== undefined) return { kind: 'refused', refusal };
  const item = itemOf(row, request, user);
  if (isDeepStrictEqual(item.device, { id: row.device?.id, type: row.device?.type }))
    return { kind: 'done', value: addressView(row) };
  const [outcome] = await transfer(ledger, [item], user);
  const after = await findByMac(ledger, mac);
  if (outcome?.outcome === 'transferred' && after?.key === item.newKey)
    return { kind: 'done', value: addressView(after) };
  return { kind: 'refused', refusal: await explain(outcome, row, ledger) };
}

function itemOf(
  { mac, generation, key, state, device, metadata }: AddressRow,
  { to, type, reason }: TransferRequest,
  user: string,
) {
  return {
    ...{ mac, generation, key, newKey: deviceKey(randomUUID()), metadata, requester: user },
    device: { id: to, type: type ?? device?.type },
    state: state === 'reserved' ? ('reserved' as const) : ('active' as const),
    reason: reason ?? `handed over by ${device?.id ?? 'a device without a name'}`,
  };
}

function refuse({ mac, owner, state, keptSince }: AddressRow): CommandRefusal | undefined {
  if (state === 'released') return notHeld(mac);
  if (owner !== undefined) {
    const isClaim = owner.kind === 'MacAllocation' && keptSince === undefined;
    return commandRefusal(
      `${mac} is held by ${owner.kind} ${qualifiedName(owner)} in a cluster, so it was not handed over.`,
      isClaim
        ? `Hand it over there: \`kubectl rock-mac transfer ${mac} -n ${owner.namespace} --to NAMESPACE/NAME\`.`
        : 'Only the addresses of claims and of devices are handed over.',
      'conflict',
    );
  }
  if (state === 'active' || state === 'reserved') return undefined;
  return commandRefusal(
    `${mac} is ${state}, so no device holds it.`,
    `See \`rock-mac show ${mac}\` for the reason.`,
    'conflict',
  );
}

function notHeld(mac: string): CommandRefusal {
  const next = `Request it for the device: \`rock-mac reserve --mac ${mac}\`.`;
  return commandRefusal(`Nobody holds ${mac}, so there is nothing to hand over.`, next, 'notFound');
}

async function explain(
  result: TransferOutcome | undefined,
  { mac, pool }: AddressRow,
  ledger: Queryable,
): Promise<CommandRefusal> {
  switch (result?.outcome) {
    case 'not_open':
      return explainRefusal(result, { pool, poolNames: [], closed: (await ledgerState(ledger)).closed });
    case 'invalid':
      return commandRefusal(`The transfer of ${mac} was refused:`, result.why);
    case 'unknown':
      return explainRefusal({ outcome: 'not_allowed' }, { pool, poolNames: [] });
    default:
      return commandRefusal(`${mac} was changed by somebody else at the same moment.`, 'Try again.', 'conflict');
  }
}
