import type { z } from 'zod';

/** Parses a nullable column to an optional property. */
export const optionalColumn = <T>(schema: z.ZodType<T>) => schema.nullable().transform((value) => value ?? undefined);
