import { formatDuration } from '../../api/duration.ts';
import type { MacAllocationSpec } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { Device } from '../../ledger/address/owner.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { UserError } from '../errors.ts';

/** The claim that a command requests. */
export interface ClaimRequest {
  readonly pool: string;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestedMac?: MacAddress | undefined;
  /** Takes `requestedMac` also before its reuse delay is over. */
  readonly overridesDelay?: boolean | undefined;
  readonly reserved?: boolean | undefined;
  readonly expiresAfterSeconds?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly reason?: string | undefined;
}

/* The limits of `spec.attributes` in the CRD. */
const MAX_KEY_LENGTH = 63;
const MAX_VALUE_LENGTH = 1_024;
const MAX_ATTRIBUTES = 64;

/** Returns the spec of a MacAllocation without empty fields, because an immutable field cannot be removed later. */
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

/** Returns the annotations of the MacAllocation of a request. */
export function claimAnnotations({
  overridesDelay,
  reason,
}: ClaimRequest): Readonly<Record<string, string>> | undefined {
  const annotations = {
    ...(overridesDelay === true && { [ANNOTATIONS.overrideReuseDelay]: 'true' }),
    ...(reason !== undefined && { [ANNOTATIONS.reason]: reason }),
  };
  return Object.keys(annotations).length === 0 ? undefined : annotations;
}

/** Attributes are strings, so other JSON values are stored as JSON text. Throws a UserError if they exceed the limits. */
function attributesOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(metadata).map(([key, value]): [string, string] => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const tooLong = entries.find(([key, value]) => key.length > MAX_KEY_LENGTH || value.length > MAX_VALUE_LENGTH);
  if (tooLong !== undefined || entries.length > MAX_ATTRIBUTES) {
    throw new UserError(
      tooLong === undefined ? 'There is too much metadata.' : `The metadata ${JSON.stringify(tooLong[0])} is too long.`,
      `A cluster keeps ${String(MAX_ATTRIBUTES)} entries with keys of ${String(MAX_KEY_LENGTH)} and values of ${String(MAX_VALUE_LENGTH)} characters.`,
    );
  }
  return Object.fromEntries(entries);
}
