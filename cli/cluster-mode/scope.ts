import type { KubeClient } from '../../kube/client/client.ts';

/** Where a command works, and how it speaks. */
export interface Scope {
  readonly client: KubeClient;
  /** How long the cluster may take for one answer. */
  readonly requestTimeoutMs: number;
  /** Where claims are made and looked for. */
  readonly namespace: string;
  /** Whether the user named that namespace, so that lists are of it alone. */
  readonly named: boolean;
  readonly allNamespaces: boolean;
  readonly dryRun: boolean;
  /** How long the operator may take. */
  readonly waitMs: number;
  /** For people, on stderr. */
  readonly tell: (line: string) => void;
  /** On a terminal's stderr, overwritten by the next; an empty line takes it away. */
  readonly progress: (line: string) => void;
}
