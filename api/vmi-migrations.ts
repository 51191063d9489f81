import { z } from 'zod';

const side = z
  .object({
    migrationUID: z.string().optional(),
    virtualMachineInstanceUID: z.string().nullish(),
    domainNamespace: z.string().nullish(),
    domainName: z.string().nullish(),
  })
  .nullish();

type Side = z.infer<typeof side>;

const schema = z.object({
  status: z.object({
    migrationState: z.object({ migrationUid: z.string().optional(), sourceState: side, targetState: side }),
  }),
});

function stateOf(instance: unknown) {
  return schema.safeParse(instance).data?.status.migrationState;
}

/**
 * Returns the uids of the migrations in the status of a VirtualMachineInstance. In a migration between two namespaces or
 * clusters, the instances of both sides name the migrations of both sides. KubeVirt keeps them after the end of a migration.
 */
export function vmiMigrations(instance: unknown): readonly string[] {
  const state = stateOf(instance);
  const uids = [state?.migrationUid, state?.sourceState?.migrationUID, state?.targetState?.migrationUID];
  return [...new Set(uids.flatMap((uid) => (uid === undefined || uid === '' ? [] : uid)))];
}

/**
 * Returns whether the last migration in the status of a VirtualMachineInstance is between two instances, of which it is one, and not
 * from node to node. Only for that does KubeVirt write the states of source and target, each with a migration of its own
 * (`setTargetPod` and `initializeMigrateSourceState` in pkg/virt-controller/watch/migration). One side may arrive after the other.
 */
export function vmiMigratesAcross(instance: unknown): boolean {
  const { sourceState: source, targetState: target } = stateOf(instance) ?? {};
  if (!isNamed(source) || !isNamed(target)) return isNamed(source) || isNamed(target);
  const keys = ['migrationUID', 'virtualMachineInstanceUID', 'domainNamespace', 'domainName'] as const;
  return keys.some((key) => isText(source?.[key]) && isText(target?.[key]) && source[key] !== target[key]);
}

function isNamed(state: Side): boolean {
  return isText(state?.migrationUID);
}

function isText(value: string | null | undefined): value is string {
  return value !== undefined && value !== null && value !== '';
}
