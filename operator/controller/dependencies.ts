import type { Logger } from 'pino';
import type { InjectionModes } from '../../api/injection-mode.ts';
import type { ObserveMode } from '../../api/observe-mode.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { EventRecorder } from '../../kube/controller/events.ts';
import type { Allocator } from '../../ledger/address/allocator.ts';
import type { GroupedCalls } from '../../ledger/address/grouped-calls.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { WorkloadKind } from '../live/workload.ts';
import type { OperatorMetrics } from '../metrics/operator-metrics.ts';
import type { StockTokens } from '../stock/stock-tokens.ts';
import type { KnownPrefixes } from './known-prefixes.ts';

/**
 * Everything that an operator process shares between its parts. Each function takes only the members that it uses, with
 * `Pick`. Nothing is global, because tests run several operators in one process.
 */
export interface OperatorDeps {
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly allocator: Allocator;
  /** Calls to the same ledger for single addresses of pods and VMs, of which there may be many at once. */
  readonly groupedCalls: GroupedCalls;
  /** Identifies this cluster in the ledger: the uid of the kube-system namespace, unless the configuration names another. */
  readonly clusterId: string;
  /** The uid of the kube-system namespace. */
  readonly kubeSystemUid: string;
  /** The prefixes of the ledger, as they were read last. A leader reads them before anything else, and before each resync. */
  readonly prefixes: KnownPrefixes['prefixes'];
  readonly readPrefixes: KnownPrefixes['readPrefixes'];
  /** Which addresses of other prefixes are observed. */
  readonly observe: ObserveMode;
  /** The namespace of the installation. */
  readonly systemNamespace: string;
  /** Every kind of object that can use an address. */
  readonly kinds: readonly WorkloadKind[];
  /** Reads who got addresses of the webhooks' stocks. */
  readonly stockTokens: StockTokens;
  /** The actor in the audit log for what the operator does on its own. */
  readonly actor: string;
  readonly events: EventRecorder;
  readonly metrics: OperatorMetrics;
  /** The pool of the workloads of opted-in namespaces that name none. */
  readonly workloadPool: string;
  /** Which objects get addresses. */
  readonly modes: InjectionModes;
  /** Interval between resyncs, in milliseconds. */
  readonly resyncEveryMs: number;
  readonly logger: Logger;
  readonly now: () => Date;
}
