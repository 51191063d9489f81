import { z } from 'zod';

const side = z.object({ migrationUID: z.string().optional() }).nullish();

const schema = z.object({
  status: z.object({
    migrationState: z.object({ migrationUid: z.string().optional(), sourceState: side, targetState: side }),
  }),
});

/**
 * Returns the uids of the migrations in the status of a VirtualMachineInstance. In a migration between two namespaces or
 * clusters, the instances of both sides name the migrations of both sides.
 */
export function vmiMigrations(instance: unknown): readonly string[] {
  const state = schema.safeParse(instance).data?.status.migrationState;
  const uids = [state?.migrationUid, state?.sourceState?.migrationUID, state?.targetState?.migrationUID];
  return [...new Set(uids.flatMap((uid) => (uid === undefined || uid === '' ? [] : uid)))];
}
