import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { type Lease, leases } from '../../kube/client/core-resources.ts';
import { type LeaderElection, runLeaderElection } from '../../kube/controller/leader-election.ts';
import { eventually, freshNamespace, sharedTestEnv } from '../env/testing.ts';

let client: KubeClient;
let namespace: string;

beforeAll(async () => {
  client = createKubeClient({ kubeconfig: sharedTestEnv().kubeconfig, userAgent: 'rock-mac-test' });
  const fresh = await freshNamespace({ prefix: 'kube-leader' });
  namespace = fresh.name;
  return () => fresh.remove();
});

afterAll(() => client.close());

/** Records which candidates do the leader's work, and the maximum at one time. */
class Work {
  readonly now = new Set<string>();
  readonly history: string[] = [];
  most = 0;

  begin(identity: string, signal: AbortSignal): void {
    this.now.add(identity);
    this.history.push(identity);
    this.most = Math.max(this.most, this.now.size);
    signal.addEventListener('abort', () => this.now.delete(identity));
  }
}

/** Starts a candidate that records its work; it stops at the end of the test. */
function startCandidate(name: string, identity: string, work: Work): LeaderElection {
  const election = runLeaderElection({
    client,
    namespace,
    name,
    identity,
    leaseDurationMs: 3_000,
    renewDeadlineMs: 2_000,
    retryPeriodMs: 200,
    onStarted: (signal) => {
      work.begin(identity, signal);
    },
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => election.stop());
  return election;
}

function leaseOf(name: string): Promise<Lease> {
  return client.get(leases, { namespace, name });
}

describe('leader election', () => {
  test('elects one of two candidates, which renews its lease', async () => {
    const work = new Work();
    startCandidate('two', 'a', work);
    startCandidate('two', 'b', work);
    await eventually(() => {
      expect(work.now.size).toBe(1);
    });
    const [leader = ''] = work.now;
    const before = await leaseOf('two');
    expect(before.spec).toMatchObject({ holderIdentity: leader, leaseDurationSeconds: 3, leaseTransitions: 0 });
    await eventually(async () => {
      const { spec } = await leaseOf('two');
      expect(spec.renewTime).not.toBe(before.spec.renewTime);
      expect(spec.acquireTime).toBe(before.spec.acquireTime);
    });
    expect(work.history).toEqual([leader]);
  });

  test('hands over at once when the leader stops', async () => {
    const work = new Work();
    const first = startCandidate('handover', 'a', work);
    await eventually(() => {
      expect(work.history).toEqual(['a']);
    });
    startCandidate('handover', 'b', work);
    const stopped = performance.now();
    await first.stop();
    await eventually(
      () => {
        expect(work.history).toEqual(['a', 'b']);
      },
      { every: 20 },
    );
    // Without the release, b would wait 3 s for the lease to expire.
    expect(performance.now() - stopped).toBeLessThan(2_500);
    expect((await leaseOf('handover')).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('waits until the lease of a killed leader expires, then elects another candidate', async () => {
    const { kubeconfig } = sharedTestEnv();
    const program = fileURLToPath(import.meta.resolve('./kube-candidate.ts'));
    const doomed = spawn(process.execPath, [program, kubeconfig, namespace, 'killed', 'doomed'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void doomed.kill('SIGKILL'));
    await once(doomed.stdout, 'data');
    const work = new Work();
    startCandidate('killed', 'heir', work);
    await eventually(async () => {
      expect((await leaseOf('killed')).spec.holderIdentity).toBe('doomed');
    });
    doomed.kill('SIGKILL');
    await once(doomed, 'exit');
    const { renewTime } = (await leaseOf('killed')).spec;
    await eventually(
      () => {
        expect(work.history).toEqual(['heir']);
      },
      { every: 20 },
    );
    const after = (await leaseOf('killed')).spec;
    expect(after).toMatchObject({ holderIdentity: 'heir', leaseTransitions: 1 });
    expect(Date.parse(after.acquireTime ?? '')).toBeGreaterThan(Date.parse(renewTime ?? '') + 2_900);
  });

  test('never has two leaders while leadership flaps', async () => {
    const work = new Work();
    let generation = 0;
    const candidates = ['a', 'b', 'c'].map((identity) => startCandidate('flapping', `${identity}-0`, work));
    const until = performance.now() + 5_000;
    while (performance.now() < until) {
      const [identity] = work.now;
      const leader = identity === undefined ? -1 : 'abc'.indexOf(identity.charAt(0));
      if (leader >= 0) {
        generation++;
        await candidates[leader]?.stop();
        candidates[leader] = startCandidate('flapping', `${'abc'[leader] ?? ''}-${generation}`, work);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(work.history.length).toBeGreaterThan(5);
    expect(work.most).toBe(1);
    await eventually(async () => {
      expect((await leaseOf('flapping')).spec.leaseTransitions).toBe(work.history.length - 1);
    });
  });
});
