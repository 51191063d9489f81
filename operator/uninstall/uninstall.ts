import type { Logger } from 'pino';
import { isClaim, isMirror, isStickyClaim } from '../../api/mac-allocation.ts';
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
  deployments,
  leases,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../kube/client/core-resources.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { KubeObject, ObjectKey } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { isHeldByOther } from '../../kube/controller/lease-record.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';

export interface UninstallOptions {
  readonly client: KubeClient;
  /** The namespace of the installation. */
  readonly namespace: string;
  readonly logger: Logger;
  readonly pause: (ms: number) => Promise<void>;
}

/** Counts the claims and sticky claims that remain, and the mirrors that were deleted. */
export interface LeftBehind {
  readonly claims: number;
  readonly stickyClaims: number;
  readonly mirrors: number;
}

/** Interval between checks of the Deployment and of the Lease. */
const POLL_INTERVAL_MS = 300;

/**
 * Prepares the removal of an installation, in this order. First it deletes the webhook configurations. Then it stops the
 * operator, which would create the mirrors again. Then it deletes the mirrors and removes their finalizers. Otherwise a
 * terminating namespace would wait for an operator that no longer exists. Sticky claims only lose their finalizers: they say for how
 * long their addresses stay, and the next installation restores them. Claims and the ledger stay unchanged.
 */
export async function prepareUninstall(options: UninstallOptions): Promise<LeftBehind> {
  const { client, namespace, logger } = options;
  for (const resource of [mutatingWebhookConfigurations, validatingWebhookConfigurations]) {
    await deleteIfPresent(resource, { name: WEBHOOK_CONFIGURATION }, client);
  }
  logger.info('nothing is sent to the webhook any more');
  await deleteDeployment({ namespace, name: OPERATOR_SERVICE_ACCOUNT }, options);
  await waitUntilNoLeader({ namespace, name: OPERATOR_LEASE }, options);
  // An operator removes the read API when it shuts down. A killed operator did not.
  await deleteIfPresent(apiServices, { name: LEDGER_API_SERVICE }, client);
  logger.info('the operator has ended');
  const items = await listAllocations(options);
  const mirrors = items.filter(isMirror);
  for (const { metadata } of mirrors) {
    const { namespace: at, name, uid } = metadata;
    await deleteIfPresent(macAllocations, { namespace: at, name }, client, uid);
    const ending = await client.get(macAllocations, { namespace: at, name }).catch(ignoreNotFound);
    if (ending?.metadata.uid === uid && ending.metadata.finalizers?.includes(RELEASE_FINALIZER) === true) {
      await dropFinalizer(ending, client);
    }
  }
  const stickyClaims = items.filter(isStickyClaim);
  for (const claim of stickyClaims) await dropFinalizer(claim, client);
  return { claims: items.filter(isClaim).length, stickyClaims: stickyClaims.length, mirrors: mirrors.length };
}

/** How often a missing kind is read again: a starting API server does not know any kind of a CRD for a moment. */
const KIND_READS = 20;

/** Lists the MacAllocations. Without their CRD there are none: then the installation never worked. */
async function listAllocations({ client, pause, logger }: UninstallOptions): Promise<readonly MacAllocation[]> {
  for (let reads = 1; ; reads++) {
    try {
      return (await client.list(macAllocations)).items;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      if (reads === KIND_READS) break;
    }
    await pause(POLL_INTERVAL_MS);
  }
  logger.info('the CRD of MacAllocations is not installed');
  return [];
}

/** Deletes the Deployment in the foreground, so it exists until its pods are deleted. */
async function deleteDeployment(key: ObjectKey, { client, pause }: UninstallOptions): Promise<void> {
  await client.delete(deployments, key, { propagationPolicy: 'Foreground' }).catch(ignoreNotFound);
  while ((await client.find(deployments, key)) !== undefined) await pause(POLL_INTERVAL_MS);
}

/**
 * Waits until the Lease is released, or was not renewed for its whole duration. A missing pod proves nothing: after a forced
 * deletion, or on a lost node, its process may still lead.
 */
async function waitUntilNoLeader(key: ObjectKey, { client, pause }: UninstallOptions): Promise<void> {
  let seen: string | undefined;
  let unchangedMs = 0;
  for (;;) {
    const lease = await client.find(leases, key);
    if (lease === undefined) return;
    const { resourceVersion } = lease.metadata;
    unchangedMs = resourceVersion === seen ? unchangedMs + POLL_INTERVAL_MS : 0;
    seen = resourceVersion;
    if (!isHeldByOther(lease.spec, '', unchangedMs)) return;
    await pause(POLL_INTERVAL_MS);
  }
}

async function deleteIfPresent<T extends KubeObject>(
  resource: Resource<T>,
  key: ObjectKey,
  client: KubeClient,
  uid?: string,
): Promise<void> {
  await client.delete(resource, key, { uid }).catch(ignoreNotFound);
}

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
