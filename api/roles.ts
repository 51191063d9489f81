import { LEDGER_GROUP, GROUP } from './names.ts';

/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** What a process needs that asks the API server who reads its metrics, and whether they may. */
export const metricsServerRules: readonly PolicyRule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

/** A ClusterRole for people. */
export interface PeopleRole {
  readonly name: string;
  /** The built-in role that takes these rules up, so that whoever has that one needs no other binding. */
  readonly aggregatesTo?: 'edit' | 'view';
  readonly rules: readonly PolicyRule[];
}

/** What an editor of a namespace may take addresses from. The others hold what must not run out or be guessed at. */
export const POOLS_OF_EDITORS = ['development', 'experiment', 'docker', 'kubernetes'] as const;

const READ = ['get', 'list', 'watch'] as const;
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;

/** The role that everybody has who is known to the cluster: a claim names a pool, so that one must be able to see them. */
export const POOL_READER = 'rock-mac-pool-reader';

/**
 * Who may do what. Nobody here may write a status: it is what a release is compared with, and the operator alone writes it.
 */
export const peopleRoles: readonly PeopleRole[] = [
  {
    name: 'rock-mac-user',
    aggregatesTo: 'edit',
    rules: [
      { apiGroups: [GROUP], resources: ['macallocations'], verbs: [...READ, ...WRITE] },
      { apiGroups: [GROUP], resources: ['macpools'], resourceNames: POOLS_OF_EDITORS, verbs: ['use'] },
    ],
  },
  {
    name: 'rock-mac-viewer',
    aggregatesTo: 'view',
    rules: [{ apiGroups: [GROUP], resources: ['macallocations'], verbs: READ }],
  },
  { name: POOL_READER, rules: [{ apiGroups: [GROUP], resources: ['macpools'], verbs: READ }] },
  {
    name: 'rock-mac-pool-admin',
    // `use` without a name: also of the pools that are made later.
    rules: [{ apiGroups: [GROUP], resources: ['macpools'], verbs: [...READ, ...WRITE, 'use'] }],
  },
  {
    name: 'rock-mac-auditor',
    rules: [
      { apiGroups: [GROUP], resources: ['macallocations', 'macpools'], verbs: READ },
      { apiGroups: [LEDGER_GROUP], resources: ['addresses', 'auditentries', 'pools'], verbs: ['get', 'list'] },
    ],
  },
  { name: 'rock-mac-metrics-reader', rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }] },
];
