import type { KubeClient } from '../../kube/client/client.ts';

/** The cluster and namespace of a command, and how it reports progress. */
export interface Scope {
  readonly client: KubeClient;
  /** Time limit for one request to the API server. */
  readonly requestTimeoutMs: number;
  /** The namespace in which claims are created and searched, and to which lists are restricted. */
  readonly namespace: string;
  readonly allNamespaces: boolean;
  readonly dryRun: boolean;
  /** Time limit for the operator to act on a claim. */
  readonly waitMs: number;
  /** Prints a line for the user to stderr. */
  readonly notify: (line: string) => void;
  /** Shows a line of progress on stderr until the next one replaces it. An empty line removes it. */
  readonly progress: (line: string) => void;
}
