import type { Clock } from '../../time/clock.ts';
import type { KubeClient } from '../client/client.ts';
import { type Lease, leases } from '../client/core-resources.ts';
import type { CallOptions } from '../client/requester.ts';
import { heldBy, isHeldByOther, released } from './lease-record.ts';

export interface LeaseLockOptions {
  readonly client: Pick<KubeClient, 'find' | 'create' | 'update'>;
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  readonly leaseDurationMs: number;
  /** The timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** A lock over a Lease. Between two writers the resourceVersion decides. */
export interface LeaseLock {
  /** The holder as of the last read or write. */
  readonly holder: string | undefined;
  /** Acquires or renews the lease; resolves with false when another candidate may hold it. */
  tryToHold(signal: AbortSignal): Promise<boolean>;
  /** Clears the holder of the lease if that is this candidate. */
  release(): Promise<void>;
}

export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { client, namespace, name, identity, leaseDurationMs, timeoutMs, clock } = options;

  /** The lease and the local time of its last change. The clocks of other candidates are never compared with ours. */
  let observed: { readonly lease: Lease; readonly at: number } | undefined;
  /** Whether `observed` is certainly current, so a write needs no read before it. */
  let isCurrent = false;

  function observe(lease: Lease): void {
    isCurrent = lease.spec.holderIdentity === identity;
    if (observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    // Measured after the response, so later than the real change: waiting too long for another holder is safe.
    observed = { lease, at: clock.now() };
  }

  /** Disables retries: the election loop retries, and it knows how much time is left. */
  function callOptions(signal?: AbortSignal): CallOptions {
    return { signal, timeoutMs, attempts: 1 };
  }

  async function read(signal?: AbortSignal): Promise<void> {
    const lease = await client.find(leases, { namespace, name }, callOptions(signal));
    if (lease === undefined) observed = undefined;
    else observe(lease);
  }

  return {
    get holder() {
      return observed?.lease.spec.holderIdentity;
    },

    tryToHold: async (signal) => {
      if (!isCurrent) await read(signal);
      if (observed !== undefined && isHeldByOther(observed.lease.spec, identity, clock.now() - observed.at)) {
        return false;
      }
      isCurrent = false;
      const spec = heldBy(identity, observed?.lease.spec, leaseDurationMs, clock.date());
      observe(
        observed === undefined
          ? await client.create(leases, { metadata: { namespace, name }, spec }, callOptions(signal))
          : await client.update(leases, { ...observed.lease, spec }, callOptions(signal)),
      );
      return true;
    },

    release: async () => {
      if (!isCurrent) await read();
      if (observed?.lease.spec.holderIdentity !== identity) return;
      const spec = released(observed.lease.spec, clock.date());
      await client.update(leases, { ...observed.lease, spec }, callOptions());
    },
  };
}
