import { randomUUID } from 'node:crypto';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import type { Device } from '../../ledger/address/owner.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';
import { UserError } from '../errors.ts';
import { toAddress } from './address.ts';
import { isAnswered, refusalError } from './refusals.ts';

export interface TakeRequest {
  readonly pool: string;
  readonly state: 'active' | 'reserved';
  readonly mac?: MacAddress | undefined;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestKey?: string | undefined;
  readonly ttlSeconds?: number | undefined;
}

const DEADLINE_MS = 10_000;

/** Takes an address for a device, or throws the UserError that says why not. */
export async function takeAddress(ledger: Queryable, request: TakeRequest, user: string): Promise<Address> {
  const { pool, state, mac: requested, device, metadata, ttlSeconds, requestKey } = request;
  const allocator = createAllocator({ db: ledger, leaseSeconds: 120 });
  const answer = await allocator.allocate(
    {
      // A random key without a request key: then each call is a new question.
      key: deviceKey(requestKey ?? randomUUID()),
      pool,
      state,
      requested,
      device: { id: device.id === '' ? undefined : device.id, type: device.type },
      metadata,
      ttlSeconds,
      requester: user,
      actor: user,
      reason: state === 'reserved' ? 'reserved by hand' : 'allocated by hand',
    },
    { deadlineMs: DEADLINE_MS },
  );
  if (!isAnswered(answer)) {
    const poolNames = (await listPools(ledger)).map(({ name }) => name);
    const closed = answer.outcome === 'not_open' ? (await ledgerState(ledger)).closed : undefined;
    throw refusalError(answer, { pool, poolNames, closed });
  }
  const row = await findByMac(ledger, answer.mac);
  // Released in this very moment: then it is not held, and must not be printed as if it were.
  if (row?.generation === answer.generation) return toAddress(row);
  throw new UserError(`${answer.mac} was taken away again in this moment.`, 'Ask again.', 'conflict');
}
