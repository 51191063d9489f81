import type { Logger } from 'pino';
import type { KubeClient } from '../kube/client/client.ts';
import type { EventRecorder } from '../kube/controller/events.ts';
import type { Allocator } from '../ledger/address/allocator.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import type { WorkloadKind } from './workload/workload.ts';
import type { LedgerHeadStore } from './ledger-state/ledger-head-store.ts';
import type { OperatorMetrics } from './metrics/operator-metrics.ts';

/** What every controller is given. Nothing of it is global, so that a test can run several operators in one process. */
export interface OperatorDeps {
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly allocator: Allocator;
  /** How far the ledger had come, remembered outside of it. */
  readonly ledgerHeads: LedgerHeadStore;
  /** The uid of the kube-system namespace: the name of this cluster in the ledger. */
  readonly clusterId: string;
  /** Every kind of object that can carry an address of ours. */
  readonly kinds: readonly WorkloadKind[];
  /** Who the audit names for what the operator does by itself. */
  readonly actor: string;
  readonly events: EventRecorder;
  readonly metrics: OperatorMetrics;
  /** Between two comparisons of the whole cluster with the ledger. */
  readonly resyncEveryMs: number;
  readonly logger: Logger;
  readonly now: () => Date;
}
