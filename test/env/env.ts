import { resolveBinaries, type Binaries } from './programs/binaries.ts';
import { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './kubernetes/control-plane.ts';
import { startPostgres, type Postgres, type PostgresOptions } from './postgres/postgres.ts';
import { openRun, type Log, type Run } from './run/run.ts';

export interface TestEnvOptions {
  /** Starts one control plane for each entry. The default is one control plane with default options. */
  readonly controlPlanes?: readonly Omit<ControlPlaneOptions, 'run' | 'binaries'>[];
  readonly postgres?: Omit<PostgresOptions, 'run'>;
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
  /** Stops every process and removes every file of the run. */
  close(): Promise<void>;
}

/** Starts control planes and Postgres in parallel. If one fails, the others are stopped. */
export async function startTestEnv(options: TestEnvOptions = {}): Promise<TestEnv> {
  const run = options.run ?? (await openRun(options.log === undefined ? {} : { log: options.log }));
  try {
    const binaries = options.binaries ?? (await resolveBinaries({ log: run.log, run }));
    const [postgres, controlPlane, ...others] = await Promise.all([
      startPostgres({ ...options.postgres, run }),
      ...(options.controlPlanes ?? [{}]).map((plane) => startControlPlane({ ...plane, binaries, run })),
    ]);
    if (controlPlane === undefined) throw new Error('startTestEnv needs at least one entry in controlPlanes.');
    return {
      run,
      controlPlane,
      controlPlanes: [controlPlane, ...others],
      postgres,
      close: () => closeAll(run, postgres),
    };
  } catch (error) {
    await run.close();
    throw error;
  }
}

async function closeAll(run: Run, postgres: Postgres): Promise<void> {
  await postgres.close();
  await run.close();
}
