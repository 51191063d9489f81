import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { EXPORT_FORMATS } from '../../ledger/reservations/formats.ts';

/** A ConfigMap that shows the reservations of the ledger to a server in the cluster. */
const reservationsExport = z.strictObject({
  // The ConfigMaps of rock-mac itself begin so.
  configMap: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'is no name of a ConfigMap')
    .refine((name) => !name.startsWith('rock-mac-'), 'begins with rock-mac-, like the ConfigMaps of rock-mac itself'),
  format: z.enum(EXPORT_FORMATS),
  /** The key in its data. */
  key: z
    .string()
    .regex(/^[-._a-zA-Z0-9]{1,253}$/)
    .default('reservations'),
  /** Default: all pools of the ledger, also those of other clusters. */
  pools: z.array(z.string().min(1).max(63)).min(1).optional(),
  /** Default: devices of all types. */
  type: z.string().min(1).max(128).optional(),
});
export type ReservationsExport = z.infer<typeof reservationsExport>;

const exportsSchema = z.array(reservationsExport).refine((all) => {
  return new Set(all.map(({ configMap }) => configMap)).size === all.length;
}, 'two exports have one ConfigMap');

/** Reads the exports of the installation: a JSON list. */
export async function readExports(file: string | undefined): Promise<readonly ReservationsExport[]> {
  if (file === undefined) return [];
  try {
    return exportsSchema.parse(parseJson(await readFile(file, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`The exports of the installation (${file}) cannot be used. Correct the file.\n${why}`, {
      cause: error,
    });
  }
}
