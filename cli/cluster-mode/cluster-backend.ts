import type { Address, AuditQuery, Backend, ListQuery, Released } from '../backend.ts';
import { UserError } from '../errors.ts';
import { followAddresses } from '../follow-addresses.ts';
import { reservePool } from '../reserve-pool.ts';
import type { Target } from '../target.ts';
import { explainKubeError } from './explain.ts';
import { findAllocations } from './find-claims.ts';
import { createLedgerReader, NoReadApi } from './ledger-reader.ts';
import { listFromLedger, listFromObjects } from './list-addresses.ts';
import { autoReleaseSeconds, makeClaim } from './make-claim.ts';
import { poolsOf, statsOfPools } from './pools.ts';
import { auditOfLedger, findInLedger, statsOfLedger } from './read-ledger.ts';
import { releaseClaims } from './release-claims.ts';
import { renewClaims } from './renew-claims.ts';
import type { Scope } from './scope.ts';
import { addressOfAllocation } from './shown-address.ts';
import { suggest } from './suggest.ts';
import { watchAddresses } from './watch-addresses.ts';

/** The commands through the Kubernetes API, with the rights of the user. */
export function createClusterBackend(scope: Scope): Backend {
  const reader = createLedgerReader(scope);
  let fellBack = false;

  /** Reads the ledger, or what the objects show where that cannot be; says so once. */
  async function readOr<T>(read: () => Promise<T>, instead: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof NoReadApi)) throw error;
      if (!fellBack) {
        const where = scope.allNamespaces ? 'all namespaces' : `namespace ${scope.namespace}`;
        scope.tell(
          `Note: without the ledger's read API (${error.message}) only MacAllocations of ${where} and MacPools are shown.`,
        );
      }
      fellBack = true;
      return await instead();
    }
  }

  function find(target: Target): Promise<Address[]> {
    return readOr(
      () => findInLedger(target, reader),
      async () => (await findAllocations(target, scope)).flatMap((each) => addressOfAllocation(each) ?? []),
    );
  }

  /** What holds a target that no MacAllocation of the namespace does, as far as the user may know. */
  async function heldElsewhere(target: Target): Promise<Released> {
    const held = (await find(target)).filter(({ state }) => state !== 'released');
    return { released: [], kept: held.map((address) => ({ address, why: holderError(address) })) };
  }

  const explained = <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      try {
        return await work(...args);
      } catch (error) {
        throw explainKubeError(error, scope.namespace);
      }
    };
  };

  return {
    allocate: explained(async ({ requestKey, ...request }) => {
      const period = await autoReleaseSeconds(request.pool, scope);
      const expiresAfterSeconds = request.expiresAfterSeconds ?? period;
      return await makeClaim({ ...request, expiresAfterSeconds }, requestKey, scope);
    }),
    reserve: explained(async ({ requestKey, mac: requestedMac, ...request }) => {
      const pool = reservePool({ pool: request.pool, mac: requestedMac }, await poolsOf(scope));
      return await makeClaim({ ...request, pool, requestedMac, reserved: true }, requestKey, scope);
    }),
    release: explained(async (target, options) => {
      const found = await findAllocations(target, scope);
      return found.length === 0 ? await heldElsewhere(target) : await releaseClaims(found, options, scope);
    }),
    renew: explained(async (target, { seconds }) => renewClaims(await findAllocations(target, scope), seconds, scope)),
    find: explained(find),
    list: explained((query) =>
      readOr(
        () => listFromLedger(query, reader, scope),
        () => listFromObjects(query, scope),
      ),
    ),
    watch: explained((query, see) => {
      const source = {
        list: (asked: ListQuery) => listFromLedger(asked, reader, scope),
        audit: (asked: AuditQuery) => auditOfLedger(asked, reader),
        find: (target: Target) => findInLedger(target, reader),
      };
      const namespace = query.namespace ?? (scope.named ? scope.namespace : undefined);
      return readOr(
        () => followAddresses(source, { ...query, namespace }, see),
        () => watchAddresses(query, see, scope),
      );
    }),
    stats: explained(() =>
      readOr(
        () => statsOfLedger(reader),
        () => statsOfPools(scope),
      ),
    ),
    audit: explained(async (query) => {
      try {
        return await auditOfLedger(query, reader);
      } catch (error) {
        if (!(error instanceof NoReadApi)) throw error;
        // What `show` prints below an address that it found without the ledger.
        if (fellBack) return [];
        throw noAudit(error);
      }
    }),
    pools: explained(() => poolsOf(scope)),
    suggest: (prefix, limit) => suggest(prefix, limit, scope),
    close: () => scope.client.close(),
  };
}

function noAudit({ message, forbidden }: NoReadApi): UserError {
  return new UserError(
    `The audit is in the ledger's read API only, and that cannot be used (${message}).`,
    forbidden
      ? 'Ask for the ClusterRole rock-mac-auditor.'
      : 'See `kubectl get apiservice v1alpha1.ledger.mac.rock-os.io` and the log of the operator.',
    forbidden ? 'forbidden' : 'unavailable',
  );
}

/** Who holds an address that is not of this namespace's claims, and who can release it. */
function holderError({ mac, owner, device }: Address): UserError {
  if (owner === undefined) {
    return new UserError(
      `${mac} is held by device ${device?.id ?? '(without a name)'} outside clusters, so it was not released.`,
      'Release it where it was allocated: `rock-mac release`.',
      'conflict',
    );
  }
  const { kind, namespace, name } = owner;
  const next =
    kind === 'MacAllocation'
      ? `Release it there: \`kubectl rock-mac release ${mac} -n ${namespace}\`, in the cluster that it is in.`
      : `Delete the ${kind.toLowerCase()}: that releases it.`;
  return new UserError(`${mac} is held by ${kind} ${namespace}/${name}, so it was not released.`, next, 'conflict');
}
