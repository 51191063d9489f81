import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './kubernetes/control-plane.ts';
import { type Egress, startEgress } from './network/egress.ts';
import { type Nodes, startNodes } from './node/nodes.ts';
import { type Postgres, type PostgresOptions, startPostgres } from './postgres/postgres.ts';
import { type Binaries, resolveBinaries } from './programs/binaries.ts';
import { type Log, openRun, type Run } from './run/run.ts';

export interface TestEnvOptions {
  /** Starts one control plane for each entry. The default is one control plane with default options. */
  readonly controlPlanes?: readonly Omit<ControlPlaneOptions, 'run' | 'binaries'>[];
  readonly postgres?: Omit<PostgresOptions, 'run'>;
  /** How many real nodes the first control plane gets (see {@link whyNoNodes}). The default is none. */
  readonly nodes?: number;
  readonly binaries?: Binaries;
  /** The run to use. The default is a new run. `close()` closes it in both cases. */
  readonly run?: Run;
  readonly log?: Log;
}

/** The real control planes and the Postgres that rock-mac needs, in one run. */
export interface TestEnv {
  readonly run: Run;
  readonly controlPlanes: readonly ControlPlane[];
  /** The first of {@link TestEnv.controlPlanes}. */
  readonly controlPlane: ControlPlane;
  readonly postgres: Postgres;
  /** Undefined if none were requested. */
  readonly nodes: Nodes | undefined;
  /** Stops every process and removes every file of the run. */
  close(): Promise<void>;
}

/** Starts control planes and Postgres in parallel. If one fails, the others are stopped. */
export async function startTestEnv(options: TestEnvOptions = {}): Promise<TestEnv> {
  const run = options.run ?? (await openRun(options.log === undefined ? {} : { log: options.log }));
  try {
    const binaries = options.binaries ?? (await resolveBinaries({ log: run.log, run }));
    const count = options.nodes ?? 0;
    const egress = count > 0 ? await startEgress(run) : undefined;
    const [postgres, controlPlane, ...others] = await Promise.all([
      startPostgres({ ...options.postgres, run }),
      ...(options.controlPlanes ?? [{}]).map((plane, index) =>
        startControlPlane({ ...plane, binaries, run, ...(index === 0 && egress !== undefined && { egress }) }),
      ),
    ]);
    if (controlPlane === undefined) throw new Error('startTestEnv needs at least one entry in controlPlanes.');
    const machinePorts = [postgres.port];
    return {
      nodes: egress && (await startNodes({ run, controlPlane, egress, count, machinePorts })),
      run,
      controlPlane,
      controlPlanes: [controlPlane, ...others],
      postgres,
      close: () => closeAll(run, postgres, egress),
    };
  } catch (error) {
    await run.close();
    throw error;
  }
}

async function closeAll(run: Run, postgres: Postgres, egress: Egress | undefined): Promise<void> {
  await postgres.close();
  await run.close();
  await egress?.close();
}
