import type { z } from 'zod';

/** A column that may hold null, which is the absence of a property. */
export const optionalColumn = <T>(schema: z.ZodType<T>) => schema.nullable().transform((value) => value ?? undefined);
