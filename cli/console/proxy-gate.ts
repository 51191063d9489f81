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

/** The resource of the read API that each call reads. A call without one is refused. */
const RESOURCES: Readonly<Partial<Record<string, string>>> = {
  '/api/about': 'pools',
  '/api/pools': 'pools',
  '/api/history': 'poolhours',
  '/api/map': 'statemaps',
  '/api/search': 'addresses',
  '/api/address': 'addresses',
  '/api/neighbours': 'addresses',
  '/api/audit': 'auditentries',
  '/api/audit.csv': 'auditentries',
  '/api/audit.json': 'auditentries',
  '/api/clusters': 'clusters',
  '/api/ledger': 'ledgers',
  '/api/seals': 'ledgers',
  '/api/allowed': 'pools',
};

/**
 * Admits users whom a proxy in front of the server has authenticated. The proxy proves itself with a secret, because
 * whoever reaches the server could send a header with any user. Each call needs the user's own right, and nothing is changed.
 */
export function createProxyGate({ secret, data, mayRead, group, ...headers }: ProxyGateOptions): Gate {
  return {
    enter: () => ({}),
    refuseOrigin: ({ headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode } }) =>
      site === undefined || site === 'same-origin' || site === 'none' || mode === 'navigate'
        ? undefined
        : 'The request comes from another site.',
    admit: async (request, path): Promise<Admission> => {
      const given = single(request, PROXY_SECRET_HEADER);
      if (given === undefined || !areEqual(given, secret)) {
        return refused(401, 'The request did not come through the proxy of this console.');
      }
      const username = single(request, headers.userHeader);
      if (username === undefined || username === '') return refused(401, 'The proxy named no user.');
      const groups = (single(request, headers.groupsHeader) ?? '').split(',').filter((name) => name !== '');
      const resource = RESOURCES[path];
      if (resource === undefined) return refused(403, 'This console changes nothing.');
      const user = { username, groups: [...groups, 'system:authenticated'] };
      if (!(await mayRead(user, { verb: 'list', group, resource }))) {
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

function readOnly(data: ConsoleData, user: string): ConsoleSource {
  const refuse = () => Promise.reject(new Error('a console behind a proxy changes nothing'));
  return {
    ...data,
    about: async () => ({ ...(await data.about()), user }),
    actions: { allowed: () => Promise.resolve([]), plan: refuse, act: refuse },
    close: () => Promise.resolve(),
  };
}
