import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { KubeClient } from '../../../kube/client/client.ts';
import type { PodData } from './pod-data.ts';
import type { StoredPod, Volume } from './stored-pod.ts';

export interface VolumeSources {
  readonly data: PodData;
  readonly client: KubeClient;
  /** Returns the folder of a PersistentVolumeClaim, which outlives its pods. */
  readonly claimFolder: (claimName: string) => Promise<string>;
}

/**
 * Creates a pod's volumes as folders below `folder`, and returns their paths. It supports Secrets, ConfigMaps, emptyDir, volume
 * claims, and projected volumes with a ServiceAccount token from the TokenRequest API.
 */
export async function makeVolumes(
  pod: StoredPod,
  folder: string,
  sources: VolumeSources,
): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>();
  for (const volume of pod.spec.volumes) {
    const { name, persistentVolumeClaim: claim } = volume;
    const at = claim === undefined ? path.join(folder, name) : await sources.claimFolder(claim.claimName);
    await (claim === undefined ? fill(at, volume, pod, sources) : giveToGroup(at, pod));
    made.set(name, at);
  }
  return made;
}

async function fill(folder: string, volume: Volume, pod: StoredPod, sources: VolumeSources): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (volume.emptyDir !== undefined) await chmod(folder, 0o777);
  for (const [name, content] of Object.entries(await contentOf(volume, pod, sources))) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
}

/** A new volume belongs to root, and only `fsGroup` lets the pod write to it. Without root all files belong to this user. */
async function giveToGroup(folder: string, { spec }: StoredPod): Promise<void> {
  const group = spec.securityContext?.fsGroup;
  if (group === undefined || process.getuid?.() !== 0) return;
  await chown(folder, 0, group);
  await chmod(folder, 0o2775);
}

type Content = Record<string, string | Buffer>;
type Source = NonNullable<Volume['projected']>['sources'][number];

async function contentOf(volume: Volume, pod: StoredPod, sources: VolumeSources): Promise<Content> {
  const { emptyDir, secret, configMap, projected } = volume;
  if (emptyDir !== undefined) return {};
  if (secret !== undefined) return pick(await sources.data.secret(secret.secretName), secret);
  if (configMap !== undefined) return pick(await sources.data.configMap(configMap.name), configMap);
  if (projected === undefined) throw new Error(`The volume ${volume.name} is of a kind that this kubelet cannot make.`);
  const parts = await Promise.all(projected.sources.map((source) => projectedContent(source, pod, sources)));
  return Object.assign({}, ...parts) as Content;
}

async function projectedContent(source: Source, pod: StoredPod, { data, client }: VolumeSources): Promise<Content> {
  const { secret, configMap, serviceAccountToken: token, downwardAPI } = source;
  if (token !== undefined) return { [token.path]: await requestToken(pod, token, client) };
  if (secret !== undefined) return pick(await data.secret(secret.name), secret);
  if (configMap !== undefined) return pick(await data.configMap(configMap.name), configMap);
  const fields = (downwardAPI?.items ?? []).map(({ path: file, fieldRef }) => {
    if (fieldRef.fieldPath !== 'metadata.namespace') throw new Error(`The file ${file} has a field that is not known.`);
    return [file, pod.metadata.namespace];
  });
  return Object.fromEntries(fields) as Content;
}

function pick(data: Content | undefined, { items }: { items?: { key: string; path: string }[] | undefined }): Content {
  if (data === undefined) throw new Error('FailedMount: the Secret or ConfigMap is not there');
  if (items === undefined) return data;
  const picked = items.map(({ key, path: file }): [string, string | Buffer] => {
    const value = data[key];
    if (value === undefined) throw new Error(`FailedMount: there is no key ${key}`);
    return [file, value];
  });
  return Object.fromEntries(picked);
}

const tokenAnswer = z.object({ status: z.object({ token: z.string() }) });

async function requestToken(
  { metadata: { namespace, name, uid }, spec }: StoredPod,
  { audience, expirationSeconds }: NonNullable<Source['serviceAccountToken']>,
  client: KubeClient,
): Promise<string> {
  const answer = await client.raw(
    'POST',
    `/api/v1/namespaces/${namespace}/serviceaccounts/${spec.serviceAccountName}/token`,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds,
        // The API server rejects the token once the pod is deleted.
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    },
  );
  return tokenAnswer.parse(answer).status.token;
}
