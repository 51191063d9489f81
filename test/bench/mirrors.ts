import { pino } from 'pino';
import { macOf } from '../../api/mac-allocation.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { eventually } from '../env/run/eventually.ts';

/** The mirrors of one namespace, by a watch: a list again and again would cost what is measured. */
export interface Mirrors {
  /** Resolves when there are this many mirrors, and all of them show their address. */
  readonly until: (count: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function watchMirrors(client: KubeClient, namespace: string): Promise<Mirrors> {
  const logger = pino({ enabled: false });
  const reflector = createReflector({ client, resource: macAllocations, namespace, logger, onChange: () => undefined });
  reflector.start();
  await reflector.hasSynced();
  return {
    until: async (count) => {
      await eventually(
        () => {
          const mirrors = reflector.list();
          const shown = mirrors.filter((each) => macOf(each) !== undefined).length;
          if (mirrors.length === count && shown === count) return;
          throw new Error(
            `${String(mirrors.length)} mirrors, of which ${String(shown)} show an address: expected ${String(count)}`,
          );
        },
        { within: 180_000, every: 20 },
      );
    },
    close: () => reflector.stop(),
  };
}
