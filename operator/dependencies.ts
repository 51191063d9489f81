import type { Logger } from 'pino';
import type { KubeClient } from '../kube/client/client.ts';
import type { EventRecorder } from '../kube/controller/events.ts';
import type { Allocator } from '../ledger/address/allocator.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import type { LedgerHeadStore } from './ledger-state/ledger-head-store.ts';
import type { OperatorMetrics } from './metrics/operator-metrics.ts';
import type { WorkloadKind } from './workload/workload.ts';

/**
 * Everything that an operator process shares between its parts. Each function takes only the members that it uses, with
 * `Pick`. Nothing is global, because tests run several operators in one process.
 */
export interface OperatorDeps {
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly allocator: Allocator;
  /** Stores outside the ledger how far the ledger had come. */
  readonly ledgerHeads: LedgerHeadStore;
  /** Identifies this cluster in the ledger: the uid of the kube-system namespace. */
  readonly clusterId: string;
  /** Every kind of object that can use an address of ours. */
  readonly kinds: readonly WorkloadKind[];
  /** The actor in the audit log for what the operator does on its own. */
  readonly actor: string;
  readonly events: EventRecorder;
  readonly metrics: OperatorMetrics;
  /** Interval between resyncs, in milliseconds. */
  readonly resyncEveryMs: number;
  readonly logger: Logger;
  readonly now: () => Date;
}
