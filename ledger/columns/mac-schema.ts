import { z } from 'zod';
import { parseAnyMac } from '../../mac/mac-address.ts';

/**
 * An address at the border of the ledger, in the one notation that `MacAddress` has. Its type says so already; a cast
 * somewhere must not become "any address", which is what no number means to the functions of the ledger.
 */
export const macSchema = z
  .string()
  .max(64)
  .refine((text) => parseAnyMac(text) === text, 'is no MAC address in lower-case colon form');
