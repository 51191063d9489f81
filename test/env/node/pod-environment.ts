import type { PodData } from './pod-data.ts';
import type { Container, StoredPod, Variable } from './stored-pod.ts';

/** The pod that a container is in, and what it can know only at run time. */
export interface PodEnvironmentOptions {
  readonly pod: Pick<StoredPod, 'metadata'>;
  readonly ip: string;
  readonly data: PodData;
}

/**
 * The variables of a container as the kubelet makes them: literal, from Secrets and ConfigMaps, from the pod itself, and
 * with `$(NAME)` of an earlier one filled in. Throws, as the kubelet refuses to start, when something named is not there.
 */
export async function podEnvironment(
  { env }: Pick<Container, 'env'>,
  options: PodEnvironmentOptions,
): Promise<Record<string, string>> {
  const made: Record<string, string> = {};
  for (const variable of env) {
    const value = await valueOf(variable, options);
    if (value !== undefined) made[variable.name] = expand(value, made);
  }
  return made;
}

/** `$(NAME)` of a known variable is filled in, `$$` is a dollar, and everything else stays as it is written. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g, (whole, name?: string) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

async function valueOf({ value, valueFrom }: Variable, options: PodEnvironmentOptions): Promise<string | undefined> {
  if (valueFrom === undefined) return value;
  const { secretKeyRef, configMapKeyRef, fieldRef } = valueFrom;
  if (fieldRef !== undefined) return fieldOf(fieldRef.fieldPath, options);
  const ref = secretKeyRef ?? configMapKeyRef;
  if (ref === undefined) return undefined;
  const { data } = options;
  const all = await (secretKeyRef === undefined ? data.configMap(ref.name) : data.secret(ref.name));
  const found = all?.[ref.key]?.toString('utf8');
  if (found === undefined && ref.optional !== true) {
    throw new Error(`CreateContainerConfigError: ${ref.name} has no key ${ref.key}`);
  }
  return found;
}

function fieldOf(fieldPath: string, { pod: { metadata }, ip }: PodEnvironmentOptions): string {
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'status.podIP': ip,
  };
  const value = fields[fieldPath];
  if (value === undefined) throw new Error(`The field ${fieldPath} is not one that this kubelet knows.`);
  return value;
}
