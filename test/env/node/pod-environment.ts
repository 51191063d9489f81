import type { PodData } from './pod-data.ts';
import type { Container, StoredPod, Variable } from './stored-pod.ts';

/** The pod of a container and its run-time data. */
export interface PodEnvironmentOptions {
  readonly pod: Pick<StoredPod, 'metadata'>;
  readonly ip: string;
  readonly data: PodData;
}

/**
 * Returns the variables of a container like a kubelet: literals, values of Secrets, ConfigMaps and pod fields, with `$(NAME)`
 * of earlier variables replaced. Throws if a named object does not exist.
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

/** Replaces `$(NAME)` of known variables and `$$`, and keeps all other text. */
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
