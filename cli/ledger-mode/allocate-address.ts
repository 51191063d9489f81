import { randomUUID } from 'node:crypto';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { AllocationOutcome, AllocationRequest } from '../../ledger/address/allocate.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import type { Device } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { type AddressView, addressView } from '../../ledger/view/address-view.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { CommandResult, ReserveRequest } from '../backend.ts';
import { commandRefusal } from '../errors.ts';
import { poolForReservation } from '../pool-for-reservation.ts';
import { reportOwnClock } from './own-clock.ts';
import { explainRefusal, isAllocationRefusal } from './refusals.ts';

interface AddressRequest {
  readonly pool: string;
  readonly state: 'active' | 'reserved';
  readonly mac?: MacAddress | undefined;
  readonly overridesDelay?: boolean | undefined;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestKey?: string | undefined;
  /** The place of the address among those of one request key, from 1. */
  readonly place?: number | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly reason?: string | undefined;
}

/** How long one allocation may take, retries included. */
const DEADLINE_MS = 10_000;

/** The ledger requires a lease of pending addresses. Devices never have pending ones. */
const LEASE_SECONDS = 120;

/** Allocates an address for a device, or returns why it was refused. */
export async function allocateAddress(
  ledger: Queryable,
  request: AddressRequest,
  user: string,
): Promise<CommandResult<AddressView>> {
  const { pool, state, mac: requested, device, metadata, ttlSeconds, requestKey, place } = request;
  const outcome = await allocateWithClock(
    {
      // A random key makes every call without a request key a new request.
      key: deviceKey(requestKey ?? randomUUID(), place),
      pool,
      state,
      requested,
      overridesDelay: request.overridesDelay,
      device: { id: device.id === '' ? undefined : device.id, type: device.type },
      metadata,
      ttlSeconds,
      requester: user,
      actor: user,
      reason: request.reason ?? (state === 'reserved' ? 'reserved with rock-mac' : 'allocated with rock-mac'),
    },
    ledger,
  );
  if (isAllocationRefusal(outcome)) {
    const poolNames = (await listPools(ledger)).map(({ name }) => name);
    const closed = outcome.outcome === 'not_open' ? (await ledgerState(ledger)).closed : undefined;
    return { kind: 'refused', refusal: explainRefusal(outcome, { pool, poolNames, closed }) };
  }
  const row = await findByMac(ledger, outcome.mac);
  if (row !== undefined && outcome.outcome === 'replayed' && !isSameQuestion(row, request)) {
    return { kind: 'refused', refusal: explainRefusal({ outcome: 'key_conflict' }, { pool, poolNames: [] }) };
  }
  if (row?.generation === outcome.generation) return { kind: 'done', value: addressView(row) };
  // Somebody released it since. It must not be printed as if it were held.
  return {
    kind: 'refused',
    refusal: commandRefusal(`${outcome.mac} was released again at the same moment.`, 'Try again.', 'conflict'),
  };
}

/** Allocates. If a reuse delay would have to be over, the clock of this machine may first confirm that of the database. */
async function allocateWithClock(request: AllocationRequest, ledger: Queryable): Promise<AllocationOutcome> {
  const allocator = createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS });
  const outcome = await allocator.allocate(request, { deadlineMs: DEADLINE_MS });
  const isReleased = outcome.outcome === 'in_use' && outcome.holder.state === 'released';
  if (outcome.outcome !== 'expiry_held' && !(isReleased && outcome.holder.until === undefined)) return outcome;
  await reportOwnClock(ledger);
  return allocator.allocate(request, { deadlineMs: DEADLINE_MS });
}

/**
 * Returns whether an earlier call with the same request key asked for the same. The key alone must not decide: the second
 * device would get the address of the first.
 */
function isSameQuestion(row: AddressRow, { pool, state, mac, device }: AddressRequest): boolean {
  const { id = '', type = '' } = row.device ?? {};
  return (
    row.pool === pool &&
    row.state === state &&
    (mac === undefined || row.mac === mac) &&
    id === device.id &&
    type === (device.type ?? '')
  );
}

/** Reserves a specific address or the next one of a pool. */
export async function reserveAddress(
  ledger: Queryable,
  request: ReserveRequest,
  user: string,
): Promise<CommandResult<AddressView>> {
  const pools = request.mac === undefined ? [] : await listPools(ledger);
  return allocateAddress(ledger, { ...request, pool: poolForReservation(request, pools), state: 'reserved' }, user);
}
