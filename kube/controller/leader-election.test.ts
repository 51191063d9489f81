import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/doubles/manual-clock.ts';
import { startDeadline } from '../../time/deadline.ts';
import { sleep } from '../../time/sleep.ts';
import type { KubeClient } from '../client/client.ts';
import { type Lease, leases } from '../client/core-resources.ts';
import { KubeConnectionError, KubeError } from '../client/errors.ts';
import type { CallOptions } from '../client/requester.ts';
import type { NewObject } from '../client/write.ts';
import { type LeaderElectionOptions, runLeaderElection } from './leader-election.ts';

/* The timing of an election, with a manual clock. Tests with the real API server are in test/integration. */

/** One Lease as the API server keeps it: the resourceVersion decides between two writers. */
function leaseServer(clock: ManualClock) {
  let stored: Lease | undefined;
  let version = 0;
  const refuse = (status: number, reason: string): never => {
    throw new KubeError({ status, reason, message: reason });
  };
  const store = (object: Lease | NewObject): Lease => {
    version++;
    const metadata = { namespace: 'a', name: 'leader', uid: 'lease', resourceVersion: String(version) };
    stored = { metadata, spec: object['spec' as keyof typeof object] as Lease['spec'] };
    return stored;
  };

  /** The connection of one candidate, which may be slow or broken. A request may arrive after its timeout. */
  function clientOf(way: { delayMs: number; cut: boolean }) {
    const pass = async (): Promise<void> => {
      if (way.delayMs > 0) await sleep(way.delayMs, clock);
      if (way.cut) throw new KubeConnectionError('cut', { code: 'ECONNRESET', sent: true });
    };
    const exchange = async <T>(act: () => T): Promise<T> => {
      await pass();
      const result = act();
      await pass();
      return result;
    };
    const call = async <T>({ signal, timeoutMs = 0 }: CallOptions = {}, act: () => T): Promise<T> => {
      const deadline = startDeadline(timeoutMs, clock, signal);
      const timedOut = new Promise<never>((_resolve, reject) => {
        deadline.signal.addEventListener('abort', () => {
          reject(new KubeConnectionError('too late', { code: 'TIMEOUT', sent: true }));
        });
      });
      return await Promise.race([exchange(act), timedOut]).finally(() => {
        deadline.clear();
      });
    };
    const client = {
      find: (_resource: unknown, _key: unknown, options?: CallOptions) => call(options, () => stored),
      create: (_resource: unknown, object: NewObject, options?: CallOptions) =>
        call(options, () => (stored === undefined ? store(object) : refuse(409, 'AlreadyExists'))),
      update: (_resource: unknown, object: Lease, options?: CallOptions) =>
        call(options, () =>
          stored?.metadata.resourceVersion === object.metadata.resourceVersion
            ? store(object)
            : refuse(409, 'Conflict'),
        ),
    };
    // The client handles only Leases here.
    return client as Pick<KubeClient, 'find' | 'create' | 'update'>;
  }

  return {
    clientOf,
    get lease() {
      return stored;
    },
    remove: () => {
      stored = undefined;
    },
  };
}

function makeElection() {
  const clock = createManualClock();
  const server = leaseServer(clock);
  const log: string[] = [];
  /** The candidates that do the leader's work now. */
  const working = new Set<string>();

  function candidate(identity: string, options: Partial<LeaderElectionOptions> = {}) {
    const way = { delayMs: 0, cut: false };
    const { onStarted = () => void log.push(`${clock.now()} ${identity} starts`), ...others } = options;
    const election = runLeaderElection({
      client: server.clientOf(way),
      namespace: 'a',
      name: 'leader',
      identity,
      onStarted: (signal) => {
        working.add(identity);
        signal.addEventListener('abort', () => {
          working.delete(identity);
          log.push(`${clock.now()} ${identity} stops`);
        });
        return onStarted(signal);
      },
      logger: pino({ level: 'silent' }),
      clock,
      random: () => 0,
      ...others,
    });
    return { election, way };
  }
  return { clock, server, log, working, candidate };
}

describe('leader election', () => {
  test('elects one leader among several candidates', async () => {
    const { clock, log, working, candidate } = makeElection();
    for (const identity of ['a', 'b', 'c']) candidate(identity);
    await clock.advance(120_000);
    expect(log).toEqual(['0 a starts']);
    expect([...working]).toEqual(['a']);
  });

  test('hands over at once when the leader stops, but only after its work has ended', async () => {
    const { clock, server, log, candidate } = makeElection();
    const work = Promise.withResolvers<undefined>();
    const a = candidate('a', { onStarted: () => work.promise.then(() => undefined) });
    candidate('b');
    await clock.advance(5_000);
    const stopping = a.election.stop();
    await clock.advance(4_000);
    expect(server.lease?.spec.holderIdentity).toBe('a');
    work.resolve(undefined);
    await stopping;
    expect(server.lease?.spec.holderIdentity).toBe('');
    await clock.advance(2_000);
    expect(log).toEqual(['5000 a stops', '10000 b starts']);
  });

  test('limits the wait for the work of a leader that stops', async () => {
    const { clock, server, candidate } = makeElection();
    const a = candidate('a', { onStarted: () => new Promise<void>(() => undefined) });
    await clock.advance(1_000);
    const stopping = a.election.stop();
    await clock.advance(15_000);
    await stopping;
    expect(server.lease?.spec.holderIdentity).toBe('a');
    expect(clock.waiting).toBe(0);
  });

  test('elects another candidate when the lease of a dead leader has expired', async () => {
    const { clock, log, working, candidate } = makeElection();
    const a = candidate('a');
    candidate('b');
    await clock.advance(10_000);
    a.way.cut = true;
    await clock.advance(60_000);
    // Renewed at 10 s for the last time, so that a stops at 20 s; b sees that renewal at 12 s and takes over at 28 s,
    // its first check after 15 s.
    expect(log).toEqual(['0 a starts', '20000 a stops', '28000 b starts']);
    expect([...working]).toEqual(['b']);
  });

  test('keeps the leader when only some renewals fail', async () => {
    const { clock, log, candidate } = makeElection();
    const a = candidate('a');
    await clock.advance(10_000);
    a.way.cut = true;
    await clock.advance(7_000);
    a.way.cut = false;
    await clock.advance(60_000);
    expect(log).toEqual(['0 a starts']);
  });

  test('runs again only after its own work has ended', async () => {
    const { clock, log, candidate } = makeElection();
    const work = Promise.withResolvers<undefined>();
    const a = candidate('a', {
      onStarted: () => {
        log.push(`${clock.now()} a starts`);
        return work.promise.then(() => undefined);
      },
    });
    await clock.advance(1_000);
    a.way.cut = true;
    await clock.advance(20_000);
    a.way.cut = false;
    await clock.advance(60_000);
    expect(log).toEqual(['0 a starts', '10000 a stops']);
    work.resolve(undefined);
    await clock.advance(5_000);
    expect(log).toEqual(['0 a starts', '10000 a stops', '81000 a starts']);
  });

  test('recreates a deleted lease', async () => {
    const { clock, server, log, candidate } = makeElection();
    candidate('a');
    await clock.advance(5_000);
    server.remove();
    await clock.advance(30_000);
    expect(server.lease?.spec.holderIdentity).toBe('a');
    expect(log).toEqual(['0 a starts']);
  });

  test('survives a leader whose work throws', async () => {
    const { clock, working, candidate } = makeElection();
    const a = candidate('a', {
      onStarted: () => {
        throw new Error('a bug');
      },
    });
    await clock.advance(30_000);
    expect([...working]).toEqual(['a']);
    await a.election.stop();
  });

  test('waits for another holder no longer than its lease duration, whatever its renew time', async () => {
    const { clock, server, log, candidate } = makeElection();
    const future = '2099-01-01T00:00:00.000000Z';
    await server.clientOf({ delayMs: 0, cut: false }).create(leases, {
      metadata: {},
      spec: { holderIdentity: 'ghost', leaseDurationSeconds: 15, renewTime: future, acquireTime: future },
    });
    candidate('a');
    await clock.advance(30_000);
    expect(log).toEqual(['16000 a starts']);
    expect(server.lease?.spec.leaseTransitions).toBe(1);
  });

  test.each([
    ['a lease shorter than the renew deadline', { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 }],
    ['a renew deadline shorter than the retry period', { renewDeadlineMs: 2_000, retryPeriodMs: 2_000 }],
  ])('refuses %s', (_case, periods) => {
    expect(() => makeElection().candidate('a', periods)).toThrow(RangeError);
  });

  test('never has two leaders at work, however slow or broken the connections are', async () => {
    const turn = fc.record({
      who: fc.constantFrom(0, 1, 2),
      delayMs: fc.nat(6_000),
      cut: fc.boolean(),
      forMs: fc.integer({ min: 1, max: 30_000 }),
    });
    const randoms = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 30 });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 5, maxLength: 30 }), randoms, async (turns, jitters) => {
        const { clock, working, candidate } = makeElection();
        let draws = 0;
        const nextRandom = (): number => jitters[draws++ % jitters.length] ?? 0;
        const leaderRuns: string[][] = [];
        const all = ['a', 'b', 'c'].map((identity) =>
          candidate(identity, {
            random: nextRandom,
            onStarted: () => {
              leaderRuns.push([...working]);
            },
          }),
        );
        for (const { who, delayMs, cut, forMs } of turns) {
          Object.assign(all[who]?.way ?? {}, { delayMs, cut });
          await clock.advance(forMs);
        }
        for (const { way } of all) Object.assign(way, { delayMs: 10, cut: false });
        await clock.advance(60_000);
        expect(leaderRuns.filter((workers) => workers.length !== 1)).toEqual([]);
        expect(working.size).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});
