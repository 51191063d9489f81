import { mayCall } from '../../ledger/connection/may-call.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { listObservations } from '../../ledger/observation/list-observations.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { readClock } from '../../ledger/state/read-clock.ts';
import { encodeLedger, readLedgerView } from '../../ledger/view/ledger-view.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { GlobalOptions } from '../cli.ts';
import { clusterFindings } from '../doctor/cluster-findings.ts';
import { examine, failure, type Finding, fine, warning } from '../doctor/finding.ts';
import { ledgerFindings } from '../doctor/ledger-findings.ts';
import { poolFindings } from '../doctor/pool-findings.ts';
import { sharedFindings } from '../doctor/shared-findings.ts';
import { configuredLedger, describeLocation } from './find-ledger.ts';
import { withLedger } from './open.ts';

/** How many observed addresses are compared. */
const MOST_OBSERVATIONS = 10_000;

/** More is noticed when people compare times. The ledger itself uses only the clock of the database. */
const CLOCK_TOLERANCE_MS = 5_000;

/** Examines the configuration of this machine and the ledger that it names. */
export async function diagnoseLedger(options: GlobalOptions): Promise<readonly Finding[]> {
  const program = fine('program', `rock-mac ${packageJson.version}, for schema ${String(PROGRAM_VERSION)}`);
  const configured = await examine('configuration', async () => {
    const { config } = await configuredLedger(options, process.env);
    return [fine('configuration', config === undefined ? 'no file, so flags and defaults apply' : config.file)];
  });
  // Without a valid configuration it is not known which ledger to examine.
  if (configured.some(({ level }) => level === 'error')) return [program, ...configured];
  const examined = await examine('ledger', () =>
    withLedger(options, async (ledger, location) => [
      fine('ledger', `reached ${describeLocation(location)} (${location.source})`),
      ...(await examineLedger(ledger, options)),
    ]),
  );
  return [program, ...configured, ...examined];
}

async function examineLedger(ledger: Queryable, options: GlobalOptions): Promise<Finding[]> {
  const parts = [
    await examine('state', async () => {
      const view = await readLedgerView(ledger);
      return [
        fine('schema', `version ${String(view.schemaVersion)}`),
        ...ledgerFindings(encodeLedger(view), new Date()),
      ];
    }),
    await examine('roles', async () => [await rights(ledger)]),
    await examine('clock', async () => [await clock(ledger)]),
    await examine('predecessor', () => predecessor(ledger, options)),
    await examine('pools', async () => poolFindings(await poolStats(ledger), 'rock-mac')),
    await examine('shared', async () =>
      sharedFindings(await listObservations(ledger, { limit: MOST_OBSERVATIONS }), 'rock-mac'),
    ),
    await examine('clusters', async () => clusterFindings(await listClusters(ledger), await readClock(ledger))),
  ];
  return parts.flat();
}

async function rights(ledger: Queryable): Promise<Finding> {
  if (await mayCall(ledger, 'allocate')) return fine('roles', 'this login may allocate and release');
  return warning(
    'roles',
    'this login may only read',
    'To change something, use the login of the owner, or one with the role rock_mac_admin.',
  );
}

async function clock(ledger: Queryable): Promise<Finding> {
  const before = Date.now();
  const there = (await readClock(ledger)).getTime();
  const after = Date.now();
  const ahead = there > after ? there - after : Math.min(0, there - before);
  if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) return fine('clock', 'this machine and the database agree');
  const seconds = String(Math.round(Math.abs(ahead) / 1_000));
  return warning(
    'clock',
    `the clock of the database is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} that of this machine`,
    'Correct the wrong one: expiry and reuse delays follow the database.',
  );
}

async function predecessor(ledger: Queryable, options: GlobalOptions): Promise<Finding[]> {
  const { undecidedFile, describeUndecided } = await import('./predecessor-file.ts');
  const { config } = await configuredLedger(options, process.env);
  const undecided = await undecidedFile(ledger, config);
  if (undecided === undefined) return [];
  return [failure('predecessor', describeUndecided(undecided).join(' '))];
}
