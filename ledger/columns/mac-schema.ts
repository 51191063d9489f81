import { z } from 'zod';
import { parseAnyMac } from '../../mac/mac-address.ts';

/**
 * A MAC address in the only notation of `MacAddress`. The type promises this already, but a cast can break it. A value
 * that is not a number would then mean "any address" in the ledger's functions.
 */
export const macSchema = z
  .string()
  .max(64)
  .refine((text) => parseAnyMac(text) === text, 'is not a MAC address in lower-case colon form');
