import { LEDGER_KINDS } from './ledger-view.ts';
import { GROUP, LEDGER_GROUP } from './names.ts';

/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The rules of a process that authenticates and authorizes the readers of its metrics. */
export const metricsServerRules: readonly PolicyRule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

/** A ClusterRole for users. */
export interface PeopleRole {
  readonly name: string;
  /** The built-in role that these rules are aggregated to, so its holders need no other binding. */
  readonly aggregatesTo?: 'edit' | 'view';
  readonly rules: readonly PolicyRule[];
}

/** The pools that an editor of a namespace may use. The others hold addresses that must not run out or be predictable. */
export const POOLS_OF_EDITORS = ['development', 'experiment', 'docker', 'kubernetes'] as const;

const READ = ['get', 'list', 'watch'] as const;
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;

/** The role of every authenticated user: a claim names a pool, so users must be able to list the pools. */
export const POOL_READER = 'rock-mac-pool-reader';

/**
 * The roles for users. None of them may write a status: a release must match it, and only the operator writes it.
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
    // `use` and `reserve` without a name include pools that are created later.
    rules: [{ apiGroups: [GROUP], resources: ['macpools'], verbs: [...READ, ...WRITE, 'use', 'reserve'] }],
  },
  {
    name: 'rock-mac-auditor',
    rules: [
      { apiGroups: [GROUP], resources: ['macallocations', 'macpools'], verbs: READ },
      { apiGroups: [LEDGER_GROUP], resources: LEDGER_KINDS.map(({ plural }) => plural), verbs: ['get', 'list'] },
    ],
  },
  { name: 'rock-mac-metrics-reader', rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }] },
];
