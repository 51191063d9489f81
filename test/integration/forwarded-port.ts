import type { TestEnv } from '../env/env.ts';
import { connect } from '../env/network/sockets.ts';
import { eventually } from '../env/run/eventually.ts';
import { reservePort } from '../env/run/port-reservation.ts';

/** Runs `kubectl port-forward` for the rest of the file. Returns the port on the machine. */
export async function forwardedPort(
  { run, controlPlane }: TestEnv,
  { namespace, target, port }: { readonly namespace: string; readonly target: string; readonly port: number },
): Promise<number> {
  const local = await reservePort();
  await run.spawn({
    name: `port-forward-${local.value}`,
    env: { HOME: run.folder }, // for its discovery cache
    command: controlPlane.binaries.kubectl,
    args: [
      `--kubeconfig=${controlPlane.kubeconfig}`,
      '-n',
      namespace,
      'port-forward',
      target,
      `${local.value}:${port}`,
    ],
  });
  await eventually(async () => (await connect({ host: '127.0.0.1', port: local.value })).destroy(), { within: 40_000 });
  return local.value;
}
