import type { Logger } from 'pino';
import { z } from 'zod';
import {
  LEDGER_API_SERVICE,
  OPERATOR_LEASE,
  OPERATOR_SERVICE_ACCOUNT,
  RELEASE_FINALIZER,
  WEBHOOK_CONFIGURATION,
} from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import {
  apiServices,
  leases,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../kube/client/core-resources.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { isHeldByOther } from '../../kube/controller/lease-record.ts';
import { objectMeta, type KubeObject, type ObjectKey } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';

const deployments: Resource<KubeObject> = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
  schema: z.object({ metadata: objectMeta }),
};

export interface UninstallOptions {
  readonly client: KubeClient;
  /** The namespace of the installation. */
  readonly namespace: string;
  readonly logger: Logger;
  readonly pause: (ms: number) => Promise<void>;
}

/** What stays in the cluster and in the ledger. */
export interface LeftBehind {
  readonly claims: number;
  readonly mirrors: number;
}

const POLL_AGAIN_MS = 300;

/**
 * What has to happen before an installation's processes go, in this order: nothing is sent to the webhook any more; the
 * operator ends, since it would make the mirrors again; and the mirrors go, whose finalizers nobody would take off any more,
 * so that no namespace waits for an operator that is not there. Claims stay as they are, and so does all of the ledger.
 */
export async function prepareUninstall(options: UninstallOptions): Promise<LeftBehind> {
  const { client, namespace, logger } = options;
  for (const resource of [mutatingWebhookConfigurations, validatingWebhookConfigurations]) {
    await deleteIfThere(resource, { name: WEBHOOK_CONFIGURATION }, client);
  }
  logger.info('nothing is sent to the webhook any more');
  await endDeployment({ namespace, name: OPERATOR_SERVICE_ACCOUNT }, options);
  await untilNobodyLeads({ namespace, name: OPERATOR_LEASE }, options);
  // It takes the read API away when it ends in good order; an operator that was killed before has not.
  await deleteIfThere(apiServices, { name: LEDGER_API_SERVICE }, client);
  logger.info('the operator has ended');
  const { items } = await client.list(macAllocations);
  const mirrors = items.filter(({ spec }) => spec.consumerRef !== undefined);
  for (const { metadata } of mirrors) {
    const { namespace: at, name, uid } = metadata;
    await deleteIfThere(macAllocations, { namespace: at, name }, client, uid);
    const ending = await client.get(macAllocations, { namespace: at, name }).catch(ifGone);
    if (ending?.metadata.uid === uid && ending.metadata.finalizers?.includes(RELEASE_FINALIZER) === true) {
      await dropFinalizer(ending, client);
    }
  }
  return { claims: items.length - mirrors.length, mirrors: mirrors.length };
}

/** In the foreground: it is gone when its pods are. */
async function endDeployment(key: ObjectKey, { client, pause }: UninstallOptions): Promise<void> {
  await client.delete(deployments, key, { propagationPolicy: 'Foreground' }).catch(ifGone);
  while ((await client.find(deployments, key)) !== undefined) await pause(POLL_AGAIN_MS);
}

/**
 * A pod that was deleted by force, or on a node that is lost, is gone from the API while its process may still lead. So the
 * Lease has the last word: given back, or not renewed for as long as it lasts.
 */
async function untilNobodyLeads(key: ObjectKey, { client, pause }: UninstallOptions): Promise<void> {
  let seen: string | undefined;
  let unchangedMs = 0;
  for (;;) {
    const lease = await client.find(leases, key);
    if (lease === undefined) return;
    const { resourceVersion } = lease.metadata;
    unchangedMs = resourceVersion === seen ? unchangedMs + POLL_AGAIN_MS : 0;
    seen = resourceVersion;
    if (!isHeldByOther(lease.spec, '', unchangedMs)) return;
    await pause(POLL_AGAIN_MS);
  }
}

async function deleteIfThere<T extends KubeObject>(
  resource: Resource<T>,
  key: ObjectKey,
  client: KubeClient,
  uid?: string,
): Promise<void> {
  await client.delete(resource, key, { uid }).catch(ifGone);
}

function ifGone(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
