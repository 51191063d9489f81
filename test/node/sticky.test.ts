import { beforeAll, describe, expect, test } from 'vitest';
import { listAddresses } from '../../ledger/address/find.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { eventually } from '../env/run/eventually.ts';
import { shownAllocations, untilNoAllocations, whileLedgerIsAhead } from '../integration/installed-env.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';
import { aDeployment, apply, nodeEnvOfThisSuite, noNodes, podTemplate, skippedBecause } from './node-env.ts';
import { linksOf, podsOf, untilOnTheWire, writtenMacs } from './wire.ts';

/*
 * A StatefulSet of three pods with two networks each. Whatever happens to its pods, each name has the same two addresses on the
 * links in its network namespace, and the ledger holds these six and no others.
 */

const PODS = 3;
const NETWORKS = 2;
const found = ['-l', 'app=web'];
const HELD = ['pending', 'active', 'reserved', 'orphaned'] as const;
/** For a whole change on a busy machine. */
const slow = { timeout: 300_000 };
/** Longer than every auto-release period of the default pools. */
const LATER = '8 days';

describe.skipIf(noNodes !== undefined)(`sticky addresses on a real node${skippedBecause}`, () => {
  const env = nodeEnvOfThisSuite({ env: { ROCK_MAC_RESYNC_SECONDS: '5' } });
  const kubectl = (...args: string[]) => env().plane.kubectl(args);

  /** Returns the addresses on the links of each pod, by the names of pod and link. */
  const onLinks = async (): Promise<Record<string, string>> => {
    const pods = await untilOnTheWire(env(), found, { pods: PODS, each: NETWORKS, within: 150_000 });
    const named = await Promise.all(
      pods.map(async (pod) => {
        const { net1 = 'none', net2 = 'none' } = await linksOf(pod);
        return Object.entries({ net1, net2 }).map(([link, mac]) => [`${pod.metadata.name} ${link}`, mac]);
      }),
    );
    return Object.fromEntries(named.flat()) as Record<string, string>;
  };
  const held = async (name?: string) => {
    const rows = await listAddresses(env().ledger, { namespace: 'default', states: HELD, name, limit: 10_000 });
    return rows.map(({ mac, state }) => `${mac} ${state}`).sort();
  };
  const operator = () => {
    const running = env().installation.operators.at(-1);
    if (running === undefined) throw new Error('there is no operator');
    return running;
  };

  let first: Readonly<Record<string, string>> = {};
  const untilTheSame = async () => {
    expect(await onLinks()).toEqual(first);
    const active = Object.values(first).map((mac) => `${mac} active`);
    await eventually(
      async () => {
        expect(await held()).toEqual(active.sort());
      },
      { within: 60_000, every: 250 },
    );
    const shown = (await shownAllocations(env().plane)).map(({ mac }) => mac ?? 'none');
    expect(shown.sort()).toEqual(Object.values(first).sort());
  };

  const changes: Readonly<Record<string, () => Promise<void>>> = {
    'one pod is deleted': async () => {
      await kubectl('delete', 'pod', 'web-1');
    },
    'every pod is deleted at once': async () => {
      await kubectl('delete', 'pods', ...found, '--wait=false');
    },
    'one pod is deleted by force': async () => {
      await kubectl('delete', 'pod', 'web-2', '--force', '--grace-period=0');
    },
    'the node is drained': async () => {
      await kubectl('drain', 'node-1', '--pod-selector=app=web', '--ignore-daemonsets', '--timeout=60s');
      await eventually(
        async () => {
          // Nothing can run, and yet the next pod already has the addresses of its name.
          const [next] = await podsOf(env(), 'web-0');
          expect(next?.status.phase).toBe('Pending');
          expect(next && writtenMacs(next)).toEqual([first['web-0 net1'], first['web-0 net2']]);
        },
        { within: 30_000, every: 250 },
      );
      await kubectl('uncordon', 'node-1');
    },
    'the set is rolled out': async () => {
      await kubectl('rollout', 'restart', 'statefulset/web');
      await kubectl('rollout', 'status', 'statefulset/web', '--timeout=90s');
    },
    'the set is scaled to 0 and back to 3': async () => {
      await kubectl('scale', 'statefulset/web', '--replicas=0');
      await kubectl('wait', 'pods', ...found, '--for=delete', '--timeout=60s');
      await kubectl('scale', 'statefulset/web', '--replicas=3');
    },
    'the node is rebooted': async () => {
      await env().nodes.first.reboot();
    },
  };

  beforeAll(async () => {
    const template = podTemplate(
      { app: 'web' },
      { networks: 'blue,red', annotations: { 'mac.rock-os.io/sticky': 'true' } },
    );
    const spec = { replicas: PODS, serviceName: 'web', selector: { matchLabels: { app: 'web' } }, template };
    // Even the first addresses must not need an operator at their time.
    await operator().kill();
    await apply(env(), { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web' }, spec });
    await eventually(
      async () => {
        expect(await held()).toHaveLength(PODS * NETWORKS);
      },
      { within: 60_000, every: 250 },
    );
    await env().installation.startOperator();
    first = await onLinks();
    expect(new Set(Object.values(first)).size).toBe(PODS * NETWORKS);
  });

  test.each(Object.entries(changes))('stay on the links of their names when %s', slow, async (_, change) => {
    await change();
    await untilTheSame();
  });

  test.each(Object.entries(changes))('stay when %s after the operator was killed', slow, async (_, change) => {
    await operator().kill();
    await change();
    await env().installation.startOperator();
    await untilTheSame();
  });

  test.each(Object.entries(changes))(
    'stay when %s and the operator is killed again and again',
    slow,
    async (_, change) => {
      const changing = change();
      for (let kill = 0; kill < 3; kill++) {
        await operator().kill();
        await env().installation.startOperator();
      }
      await changing;
      await untilTheSame();
    },
  );

  /** Scales or deletes the set, and waits until the ledger knows since when its addresses are unused. */
  const withoutPods = async (...change: string[]) => {
    await kubectl(...change);
    await kubectl('wait', 'pods', ...found, '--for=delete', '--timeout=60s');
    await eventually(
      async () => {
        const rows = await listAddresses(env().ledger, { namespace: 'default', states: HELD });
        expect(rows.map(({ missingSince }) => missingSince !== undefined)).toEqual(
          Object.values(first).map(() => true),
        );
      },
      { within: 60_000, every: 250 },
    );
  };
  const untilResync = async () => {
    const last = async () => (await listClusters(env().ledger))[0]?.lastResyncAt?.getTime() ?? 0;
    const before = await last();
    await eventually(
      async () => {
        expect(await last()).toBeGreaterThan(before);
      },
      { within: 60_000, every: 250 },
    );
  };

  test('go to nobody else while their set has no pod, however long', slow, async () => {
    await withoutPods('scale', 'statefulset/web', '--replicas=0');
    await whileLedgerIsAhead(env().ledger, LATER, async () => {
      await apply(env(), aDeployment('others', { networks: 'blue,red', replicas: 2 }));
      const others = await untilOnTheWire(env(), ['-l', 'app=others'], { pods: 2, each: NETWORKS });
      const own = Object.values(first);
      expect(others.flatMap(writtenMacs).filter((mac) => own.includes(mac))).toEqual([]);
      await untilResync();
      await untilResync(); // then the one before is complete
    });
    await kubectl('delete', 'deployment', 'others');
    await kubectl('scale', 'statefulset/web', '--replicas=3');
    await untilTheSame();
  });

  test('are released when their set was deleted and the period of their pool is over', slow, async () => {
    await withoutPods('delete', 'statefulset', 'web');
    await whileLedgerIsAhead(env().ledger, LATER, async () => {
      await eventually(
        async () => {
          expect(await held()).toEqual([]);
        },
        { within: 60_000, every: 250 },
      );
    });
    await untilNoAllocations(env().plane);
    expect(await findingsExceptClock(env().ledger)).toEqual([]);
  });
});
