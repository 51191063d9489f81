import { randomUUID } from 'node:crypto';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import type { Device } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { addressView, type AddressView } from '../../ledger/view/address-view.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { ReserveRequest, Result } from '../backend.ts';
import { refusal } from '../errors.ts';
import { poolForReservation } from '../pool-for-reservation.ts';
import { explainRefusal, isRefused } from './refusals.ts';

interface AddressRequest {
  readonly pool: string;
  readonly state: 'active' | 'reserved';
  readonly mac?: MacAddress | undefined;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestKey?: string | undefined;
  readonly ttlSeconds?: number | undefined;
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
): Promise<Result<AddressView>> {
  const { pool, state, mac: requested, device, metadata, ttlSeconds, requestKey } = request;
  const allocator = createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS });
  const outcome = await allocator.allocate(
    {
      // A random key makes every call without a request key a new request.
      key: deviceKey(requestKey ?? randomUUID()),
      pool,
      state,
      requested,
      device: { id: device.id === '' ? undefined : device.id, type: device.type },
      metadata,
      ttlSeconds,
      requester: user,
      actor: user,
      reason: state === 'reserved' ? 'reserved with rock-mac' : 'allocated with rock-mac',
    },
    { deadlineMs: DEADLINE_MS },
  );
  if (isRefused(outcome)) {
    const poolNames = (await listPools(ledger)).map(({ name }) => name);
    const closed = outcome.outcome === 'not_open' ? (await ledgerState(ledger)).closed : undefined;
    return { kind: 'refused', refusal: explainRefusal(outcome, { pool, poolNames, closed }) };
  }
  const row = await findByMac(ledger, outcome.mac);
  if (row?.generation === outcome.generation) return { kind: 'done', value: addressView(row) };
  // Somebody released it since. It must not be printed as if it were held.
  return {
    kind: 'refused',
    refusal: refusal(`${outcome.mac} was released again at the same moment.`, 'Try again.', 'conflict'),
  };
}

/** Reserves a specific address or the next one of a pool. */
export async function reserveAddress(
  ledger: Queryable,
  request: ReserveRequest,
  user: string,
): Promise<Result<AddressView>> {
  const pools = request.mac === undefined ? [] : await listPools(ledger);
  return allocateAddress(ledger, { ...request, pool: poolForReservation(request, pools), state: 'reserved' }, user);
}
