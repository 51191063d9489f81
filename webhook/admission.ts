import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { operatorUsername } from '../api/names.ts';
import type { KubeClient } from '../kube/client/client.ts';
import { type Allocator, createAllocator } from '../ledger/address/allocator.ts';
import { rollBack } from '../ledger/address/release.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import { requireWritable } from '../ledger/connection/require-writable.ts';
import { systemClock } from '../time/clock.ts';
import type { AdmissionKeys } from './admission-keys/admission-keys.ts';
import { admitIfPossible } from './admit/admit-if-possible.ts';
import { admitWorkload, type WorkloadAdmissionDeps } from './admit/admit-workload.ts';
import { recordRelease, type RecordReleaseDeps } from './admit/record-release.ts';
import { stampRequester } from './admit/stamp-requester.ts';
import type { NewAddress } from './allocate/request-address.ts';
import { createReviewGate, type ReviewGate } from './callers/review-gate.ts';
import { isPlausibleDeletion } from './claims/check-deletion.ts';
import { findClaimByName } from './claims/find-claim.ts';
import { createClaimLister } from './claims/list-claims.ts';
import { waitForServedClaim } from './claims/wait-for-claim.ts';
import { createServedWaits } from './claims/wait-while-served.ts';
import type { WebhookConfig } from './config.ts';
import { PATHS } from './configuration/webhook-configuration.ts';
import { createReviewLimits, unlimited } from './limits/review-limits.ts';
import { createPoolUseCheck } from './pools/check-pool-use.ts';
import { createRefusalExplainer } from './refuse/explain-refusal.ts';
import { createLedgerBreaker, type LedgerBreaker } from './scheduling-gate/ledger-breaker.ts';
import type { Admit } from './server/server.ts';
import { createClaimAnswers } from './sticky/answer-from-claims.ts';
import type { Stock } from './stock/stock.ts';
import { watchNamespaces } from './watch/namespaces.ts';
import { type Networks, watchNetworks } from './watch/networks.ts';
import { type PublishedPrefixes, watchPrefixes } from './watch/prefixes.ts';

/**
 * How long an allocated address waits for its object to be stored. The API server ends a request after 34 s at most, so
 * this is well above.
 */
export const LEASE_SECONDS = 120;

/** The same for a claim, which somebody else may want meanwhile. */
const CLAIM_LEASE_SECONDS = 60;

/** The API server waits 5 s. The ledger has 3 s of them, so a refusal comes from here and gives the reason. */
const LEDGER_BUDGET_MS = 3_000;

/** The API server waits 2 s for a pod that starts without an address otherwise. */
const OWN_INTERFACE_BUDGET_MS = 1_000;

export interface AdmissionOptions {
  readonly config: WebhookConfig;
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly clusterId: string;
  /** Returns the ticket of this cluster. */
  readonly ticket: () => string | undefined;
  readonly admissionKeys: AdmissionKeys;
  /** Absent where every admission asks the ledger. */
  readonly stock: Stock | undefined;
  readonly answeredFromStock: (pool: string) => void;
  readonly logger: Logger;
}

/** Everything that responds to admission reviews. */
export interface Admission {
  /** The handler for each path of the webhook configuration. */
  readonly entries: Readonly<Record<string, Admit>>;
  /** Resolves when the prefixes of the ledger are known. Before, an address under one would be left alone as one of others. */
  knowsPrefixes(): Promise<void>;
  /** Ends the watches and the allocations in progress. */
  stop(): Promise<void>;
}

/** Starts to watch what the decisions depend on, and returns the handlers. */
export function startAdmission(options: AdmissionOptions): Admission {
  const { config, client, ledger, clusterId, logger } = options;
  const allocator = createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS, maxGroup: 128, maxQueue: 2_048 });
  const namespaces = watchNamespaces({ client, defaultPool: config.ROCK_MAC_WORKLOAD_POOL, logger });
  const networks = watchNetworks({ client, logger });
  const prefixes = watchPrefixes({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    configured: config.ROCK_MAC_PREFIXES,
    logger,
  });
  const knowsCallers = config.ROCK_MAC_WEBHOOK_CLIENT_CA_FILE !== undefined;
  const limits = knowsCallers ? unlimited : createReviewLimits(() => systemClock.now());
  const gate = createReviewGate({ namespaces, limits });
  const stopping = new AbortController();
  const breaker = createLedgerBreaker({
    probe: () => requireWritable(ledger),
    clock: systemClock,
    signal: stopping.signal,
    logger,
  });
  const workloads = workloadAdmission({ ...options, allocator, gate, networks, prefixes, knowsCallers, breaker });
  const isRealDeletion: RecordReleaseDeps['isRealDeletion'] = async (claim) =>
    knowsCallers || (await isPlausibleDeletion(claim, { client, gate }));
  return {
    entries: {
      [PATHS.workloads]: (request, receivedAt) => admitWorkload(request, workloads, receivedAt + LEDGER_BUDGET_MS),
      [PATHS.ownInterfaces]: (request, receivedAt) =>
        admitIfPossible(request, { ...workloads, logger }, receivedAt + OWN_INTERFACE_BUDGET_MS),
      [PATHS.allocations]: (request) => Promise.resolve(stampRequester(request)),
      [PATHS.releases]: (request) => recordRelease(request, { ledger, clusterId, logger, isRealDeletion }),
    },
    knowsPrefixes: () => prefixes.hasRead(),
    stop: async () => {
      stopping.abort();
      await Promise.all([namespaces.stop(), networks.stop(), prefixes.stop(), breaker.ended()]);
      await allocator.close();
    },
  };
}

interface WorkloadOptions extends AdmissionOptions {
  readonly allocator: Allocator;
  readonly gate: ReviewGate;
  readonly networks: Networks;
  readonly prefixes: PublishedPrefixes;
  readonly breaker: LedgerBreaker;
  /** Whether a review certainly comes from the API server. */
  readonly knowsCallers: boolean;
}

function workloadAdmission(options: WorkloadOptions): WorkloadAdmissionDeps {
  const { config, client, ledger, allocator, clusterId, ticket, gate, networks, prefixes, knowsCallers, logger } =
    options;
  const waits = config.ROCK_MAC_WHEN_LEDGER_AWAY === 'gate';
  const waitWhileServed = createServedWaits(systemClock);
  return {
    gate,
    prefixes: () => prefixes.current(),
    primaryCni: config.ROCK_MAC_PRIMARY_CNI,
    primaryNetwork: config.ROCK_MAC_PRIMARY_NETWORK,
    multusNamespace: config.ROCK_MAC_MULTUS_NAMESPACE,
    findNetworks: (names) => networks.find(names),
    mayUsePool: createPoolUseCheck(client),
    newLeaseId: randomUUID,
    schedulingGate: {
      breaker: waits ? options.breaker : undefined,
      keys: options.admissionKeys,
      clusterId,
      operator: operatorUsername(config.ROCK_MAC_NAMESPACE),
      now: () => systemClock.date(),
    },
    stock: {
      stock: options.stock,
      keys: options.admissionKeys,
      clusterId,
      now: () => systemClock.date(),
      answered: options.answeredFromStock,
    },
    duplicates: {
      mode: config.ROCK_MAC_DUPLICATES,
      ledger,
      clusterId,
      segmentOf: (network) => networks.segmentOf(network),
      isLedgerAway: () => waits && options.breaker.isOpen(),
      now: () => systemClock.date(),
    },
    answerFromClaims: createClaimAnswers({ client, clusterId, now: () => systemClock.now(), logger }),
    allocation: {
      allocator,
      ledger,
      clusterId,
      ticket,
      claimLeaseSeconds: CLAIM_LEASE_SECONDS,
      knowsCallers,
      findClaim: waitForServedClaim({
        find: (claim) => findClaimByName(claim, { client, clusterId }),
        waitWhileServed,
      }),
      releaseAddresses: (addresses) => releaseAddresses(addresses, ledger, logger),
      explainRefusal: createRefusalExplainer({ client, ledger, clusterId, knowsCallers }),
    },
    claimSets: {
      ledger,
      clusterId,
      ticket,
      claimLeaseSeconds: CLAIM_LEASE_SECONDS,
      knowsCallers,
      listClaims: createClaimLister({ client, now: () => systemClock.now() }),
      waitWhileServed,
      clock: systemClock,
    },
  };
}

/** Releases the addresses of a refused object. If that fails, the ends of their leases release them two minutes later. */
async function releaseAddresses(addresses: readonly NewAddress[], ledger: LedgerClient, logger: Logger): Promise<void> {
  if (addresses.length === 0) return;
  try {
    await rollBack(ledger, addresses, { actor: 'rock-mac-webhook', reason: 'the object was refused' });
  } catch (error) {
    logger.warn({ err: error, addresses: addresses.length }, 'could not release the addresses of a refused object');
  }
}
