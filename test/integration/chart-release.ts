import assert from 'node:assert/strict';
import path from 'node:path';
import { helmFor, resolveHelm } from '../env/programs/helm.ts';
import { eventually } from '../env/run/eventually.ts';
import { logToStderr } from '../env/run/run.ts';
import { type ChartEnv, repository } from './chart-env.ts';
import { addressesOf, aPod } from './installed-env.ts';

/** Values of the chart by their dotted names. */
export type Values = Readonly<Record<string, string | number | boolean>>;

/** The release `try` of the chart in one namespace of a test environment, with Helm 4. */
export interface ChartRelease {
  /** Installs or upgrades, and waits. Throws if the new pods are not ready in time. Returns the notes. */
  apply(values: Values, timeout?: string): Promise<string>;
  rollback(revision: number, timeout?: string): Promise<void>;
  uninstall(timeout?: string): Promise<void>;
  /** Creates a pod that requests an address, with retries, and returns the address. */
  makePod(name: string): Promise<string>;
  /** Returns the images of the ready pods. */
  readyImages(): Promise<string[]>;
  /** Waits until exactly these are the images of the ready pods: Helm does not wait for the end of replaced pods. */
  untilReady(images: readonly string[]): Promise<void>;
}

export const patience = { within: 120_000, every: 150 };

export async function chartRelease({ testEnv, pods }: ChartEnv, namespace: string): Promise<ChartRelease> {
  const { controlPlane } = testEnv;
  const helm = helmFor(await resolveHelm(4, logToStderr), controlPlane.kubeconfig);
  const release = (timeout: string) => ['--namespace', namespace, '--wait', '--timeout', timeout];
  const readyImages = async () => {
    const ready = (await pods()).filter((pod) => pod.ready);
    return ready.map(({ image }) => image).sort();
  };
  return {
    apply: (values, timeout = '240s') => {
      const json = JSON.stringify(nested({ 'webhook.drainSeconds': 1, ...values }));
      const chart = path.join(repository, 'charts', 'rock-mac');
      return helm(['upgrade', '--install', 'try', chart, ...release(timeout), '--set-json', json]);
    },
    rollback: async (revision, timeout = '240s') => {
      await helm(['rollback', 'try', String(revision), ...release(timeout)]);
    },
    uninstall: async (timeout = '240s') => {
      await helm(['uninstall', 'try', ...release(timeout)]);
    },
    makePod: async (name) => {
      await eventually(() => controlPlane.kubectl(['apply', '-f', '-'], { input: aPod(name) }), patience);
      // A webhook that still asks a ledger of before an upgrade lets the pod wait with a gate, and the operator lifts it.
      return await eventually(async () => {
        const [address] = await addressesOf(controlPlane, name);
        assert(address !== undefined, `${name} has no address yet`);
        return address.mac;
      }, patience);
    },
    readyImages,
    untilReady: (images) =>
      eventually(async () => {
        assert.deepEqual(await readyImages(), images);
      }, patience),
  };
}

/** Converts dotted names to a nested object, in which no character of a value is special for Helm. */
function nested(values: Values): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const keys = name.split('.');
    const last = keys.pop() ?? '';
    let at = root;
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return root;
}
