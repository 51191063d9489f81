import type { KubeClient } from '../../kube/client/client.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod } from '../integration/installed-env.ts';
import { annotatedPods } from '../integration/pod-kind.ts';

export interface Load {
  /** Waits until this many more creates have completed. */
  more(creates: number): Promise<void>;
  /** Stops the load. Returns the result of every create. */
  stop(): Promise<{ readonly macs: readonly string[]; readonly failures: readonly string[] }>;
}

/** Starts to create pods continuously, without retries and with `atOnce` concurrent requests. */
export function startPodLoad(client: KubeClient, prefix: string, atOnce: number): Load {
  let running = true;
  const macs: string[] = [];
  const failures: string[] = [];
  async function createPods(worker: number): Promise<void> {
    for (let count = 0; running; count++) {
      const name = `${prefix}-${String(worker)}-${String(count)}`;
      const manifest = JSON.parse(aPod(name, { networks: 'blue' })) as NewObject;
      try {
        const pod = await client.create(annotatedPods, manifest, { namespace: 'default', attempts: 1 });
        const networks = pod.metadata.annotations?.['k8s.v1.cni.cncf.io/networks'] ?? '[]';
        macs.push((JSON.parse(networks) as { mac: string }[])[0]?.mac ?? 'none');
      } catch (error) {
        failures.push(String(error));
      }
    }
  }
  const workers = Array.from({ length: atOnce }, (_, worker) => createPods(worker));
  return {
    more: async (creates) => {
      const wanted = macs.length + failures.length + creates;
      await eventually(
        () => {
          if (macs.length + failures.length < wanted) throw new Error(`${String(macs.length)} creates so far`);
        },
        { within: 120_000, every: 20 },
      );
    },
    stop: async () => {
      running = false;
      await Promise.all(workers);
      return { macs, failures };
    },
  };
}
