import { z } from 'zod';
import { DURATION_PATTERN } from './duration.ts';

/**
 * The field types that both kinds share. Each has a bound, because the API server estimates the cost of CEL rules from the
 * bounds and refuses a CRD whose rules could be too expensive.
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
    .meta({ description: `${description} Example: 7d or 1h30m.` });
}

/** A time in RFC 3339. The API server validates the format. */
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
      type: text('The aspect of the object that the condition describes.', 316),
      status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether the condition holds.' }),
      reason: text('The cause as one word, for programs.', 1024),
      message: text('The cause and the next step, for people.', 32_768),
      lastTransitionTime: timestamp('When the status last changed.'),
      observedGeneration: z
        .int()
        .min(0)
        .optional()
        .meta({ description: 'The generation of the spec that the condition is based on.' }),
    }),
  )
  .max(16)
  .meta({
    description: 'The state of the object as standard conditions.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });
