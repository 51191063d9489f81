import type { IncomingMessage } from 'node:http';
import type { Access } from '../../kube/client/reviews.ts';
import { type Admission, type Gate, refused } from './gate.ts';
import { areEqual } from './local-gate.ts';
import type { ConsoleData, ConsoleSource } from './source.ts';

/** The header in which the proxy proves that it is the proxy. */
export const PROXY_SECRET_HEADER = 'x-rock-mac-proxy-secret';

/** A user whom the proxy has authenticated. */
export interface ProxyUser {
  readonly username: string;
  readonly groups: readonly string[];
}

export interface ProxyGateOptions {
  readonly secret: string;
  /** The headers with the user and the groups, in lower case. */
  readonly userHeader: string;
  readonly groupsHeader: string;
  /** Reads with the rights of the server itself. */
  readonly data: ConsoleData;
  /** Returns whether a user may read this (SubjectAccessReview). */
  readonly mayRead: (user: ProxyUser, access: Access) => Promise<boolean>;
  readonly group: string;
}

/** The resources of the read API that each call reads. A call without one is refused. */
const RESOURCES: Readonly<Partial<Record<string, readonly string[]>>> = {
  '/api/about': ['pools'],
  '/api/pools': ['pools'],
  '/api/history': ['poolhours'],
  '/api/map': ['statemaps'],
  '/api/search': ['addresses'],
  '/api/address': ['addresses', 'observations'],
  '/api/neighbours': ['addresses'],
  '/api/audit': ['auditentries'],
  '/api/audit.csv': ['auditentries'],
  '/api/audit.json': ['auditentries'],
  '/api/clusters': ['clusters'],
  '/api/ledger': ['ledgers'],
  '/api/allowed': ['pools'],
};

/**
 * Admits users whom a proxy in front of the server has authenticated. The proxy proves itself with a secret, because
 * whoever reaches the server could send a header with any user. Each call needs the user's own right, and nothing is changed.
 */
export function createProxyGate({ secret, data, mayRead, group, ...headers }: ProxyGateOptions): Gate {
  return {
    begin: () => undefined,
    refuseOrigin: ({ headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode } }) =>
      site === undefined || site === 'same-origin' || site === 'none' || mode === 'navigate'
        ? undefined
        : 'The request comes from another site.',
    admit: async (request, path): Promise<Admission> => {
      const given = single(request, PROXY_SECRET_HEADER);
      if (given === undefined || !areEqual(given, secret)) {
        return refused(401, 'The request did not come through the proxy of this console.');
      }
      const user = namedUser(request, headers);
      if (typeof user === 'string') return refused(401, user);
      const { username } = user;
      const resources = RESOURCES[path];
      if (resources === undefined) return refused(403, 'This console changes nothing.');
      for (const resource of resources) {
        if (await mayRead(user, { verb: 'list', group, resource })) continue;
        return refused(403, `${username} may not list ${resource}.${group}. Ask for the ClusterRole rock-mac-auditor.`);
      }
      return { ok: true, source: readOnly(data, username) };
    },
  };
}

/** Returns the value of a header that was sent once. Two values could be that of the proxy and that of an attacker. */
function single({ headersDistinct }: IncomingMessage, name: string): string | undefined {
  const values = headersDistinct[name] ?? [];
  return values.length === 1 ? values[0] : undefined;
}

/** Returns the user whom the proxy names, with the group that every user has, or why the request names none. */
function namedUser(
  request: IncomingMessage,
  { userHeader, groupsHeader }: Pick<ProxyGateOptions, 'userHeader' | 'groupsHeader'>,
): ProxyUser | string {
  const username = single(request, userHeader);
  if (username === undefined || username === '') return 'The proxy named no user.';
  const [groupList = '', ...more] = request.headersDistinct[groupsHeader] ?? [];
  if (more.length > 0) return 'The groups of the user were sent more than once.';
  const names = groupList.split(',').map((name) => name.trim());
  const groups = names.filter((name) => name !== '');
  if ([username, ...groups].some(isOfCluster)) return 'Names that begin with system: belong to the cluster itself.';
  return { username, groups: [...groups, 'system:authenticated'] };
}

/** Returns whether a name is one of Kubernetes' own, such as `system:masters`. No identity provider may give it to a user. */
function isOfCluster(name: string): boolean {
  return name.trim().startsWith('system:');
}

function readOnly(data: ConsoleData, user: string): ConsoleSource {
  const refuse = () => Promise.reject(new Error('a console behind a proxy changes nothing'));
  return {
    ...data,
    about: async () => ({ ...(await data.about()), user }),
    actions: { allowed: () => Promise.resolve([]), plan: refuse, act: refuse },
    close: () => Promise.resolve(),
  };
}
