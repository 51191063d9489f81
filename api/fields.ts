import { z } from 'zod';
import { DURATION_PATTERN } from './duration.ts';

/**
 * The field types that both kinds share. Each carries a bound, since the API server estimates what a CEL rule may cost
 * from the bounds and refuses a CRD whose rules could be too dear.
 */

/** A MAC address in any usual notation (colons, dashes, dots, bare digits; any case). */
export function anyMac(description: string) {
  return z
    .string()
    .max(17)
    .regex(
      /^(([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}|[0-9A-Fa-f]{12})$/,
    )
    .meta({ description });
}

/** A MAC address in lower-case colon form. */
export function canonicalMac(description: string) {
  return z
    .string()
    .max(17)
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
    .meta({ description });
}

export function duration(description: string) {
  return z
    .string()
    .max(32)
    .regex(DURATION_PATTERN)
    .meta({ description: `${description} Written as days, hours, minutes and seconds, such as 7d, 48h or 1h30m.` });
}

/** A time in RFC 3339. Only the format is given to the API server: it checks it itself. */
export function timestamp(description: string) {
  return z.string().max(64).meta({ description, format: 'date-time' });
}

export function text(description: string, max = 253) {
  return z.string().max(max).meta({ description });
}

export function count(description: string) {
  return z.int().min(0).meta({ description, format: 'int64' });
}

/** A standard condition (metav1.Condition), one per type. */
export const conditions = z
  .array(
    z.object({
      type: text('What is judged.', 316),
      status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
      reason: text('The cause in one word, for programs.', 1024),
      message: text('The cause and the next step, for people.', 32_768),
      lastTransitionTime: timestamp('When the status changed last.'),
      observedGeneration: z
        .int()
        .min(0)
        .optional()
        .meta({ description: 'The generation of the spec that was judged.' }),
    }),
  )
  .max(16)
  .meta({
    description: 'The state of the object in standard conditions.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });
