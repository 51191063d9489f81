import { formatDuration } from '../../api/duration.ts';
import type { MacAllocationSpec } from '../../api/mac-allocation.ts';
import type { Device } from '../../ledger/address/owner.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { UserError } from '../errors.ts';

/** A claim as it is asked for. */
export interface ClaimRequest {
  readonly pool: string;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestedMac?: MacAddress | undefined;
  readonly reserved?: boolean | undefined;
  readonly expiresAfterSeconds?: number | undefined;
}

const LONGEST_KEY = 63;
const LONGEST_VALUE = 1_024;
const MOST_ATTRIBUTES = 64;

/** The spec of a MacAllocation. What is empty is left out: an immutable field may not be emptied later. */
export function claimSpec(request: ClaimRequest): MacAllocationSpec {
  const { pool, device, metadata, requestedMac, reserved, expiresAfterSeconds } = request;
  const { id = '', type = '' } = device;
  const attributes = attributesOf(metadata);
  return {
    pool,
    ...((id !== '' || type !== '') && { device: { ...(id !== '' && { id }), ...(type !== '' && { type }) } }),
    ...(requestedMac !== undefined && { requestedMac }),
    ...(reserved === true && { reserved }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(expiresAfterSeconds !== undefined && { expiresAfter: formatDuration(expiresAfterSeconds) }),
  };
}

/** Attributes are texts; what is none in the JSON is kept as JSON. */
function attributesOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(metadata).map(([key, value]): [string, string] => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const tooLong = entries.find(([key, value]) => key.length > LONGEST_KEY || value.length > LONGEST_VALUE);
  if (tooLong !== undefined || entries.length > MOST_ATTRIBUTES) {
    throw new UserError(
      tooLong === undefined ? 'There is too much metadata.' : `The metadata ${JSON.stringify(tooLong[0])} is too long.`,
      `A cluster keeps ${String(MOST_ATTRIBUTES)} entries with keys of ${String(LONGEST_KEY)} and values of ${String(LONGEST_VALUE)} characters.`,
    );
  }
  return Object.fromEntries(entries);
}
