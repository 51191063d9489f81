import { hostname } from 'node:os';
import { listAudit } from '../../ledger/audit.ts';
import { connectionConfig } from '../../ledger/connection/connection-config.ts';
import { PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { auditEntryView } from '../../ledger/view/audit-entry-view.ts';
import { clusterViews } from '../../ledger/view/cluster-view.ts';
import { encodeLedger, readLedgerView } from '../../ledger/view/ledger-view.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { GlobalOptions } from '../cli.ts';
import { auditForReport, type Collected, collectJson, type CollectOptions } from '../report/collect.ts';
import { currentUser } from './current-user.ts';
import { diagnoseLedger } from './doctor.ts';
import { configuredLedger, describeLocation, findLedger } from './find-ledger.ts';
import { withLedger } from './open.ts';

/** Collects what a report says about this machine and the ledger that it names. */
export async function collectFromLedger(
  options: GlobalOptions,
  { tail, withNames }: CollectOptions,
): Promise<Collected> {
  const json = collectJson;
  const kept: string[] = [];
  const files = [
    await json(
      'version.json',
      'the versions of the program and of this machine',
      () => Promise.resolve(versions()),
      true,
    ),
    await json('doctor.json', 'what `rock-mac doctor` found', () => diagnoseLedger(options)),
    await json('configuration.json', 'the configuration, without passwords', () => configuration(options)),
    await json('pools.json', 'the pools and their counts', () =>
      withLedger(options, async (ledger) => {
        const stats = await poolStats(ledger);
        kept.push(...stats.map(({ pool }) => pool));
        return stats;
      }),
    ),
    await json('ledger.json', 'the state of the ledger and of its seals', () =>
      withLedger(options, async (ledger) => encodeLedger(await readLedgerView(ledger))),
    ),
    await json('clusters.json', 'the clusters of the ledger, with counts', () => withLedger(options, clusterViews)),
    await json('audit.json', `the last ${String(tail)} entries of the audit`, () =>
      withLedger(options, async (ledger) =>
        auditForReport((await listAudit(ledger, { limit: tail })).map(auditEntryView), { withNames }),
      ),
    ),
  ];
  return { files, kept, hidden: await namesOfConnection(options) };
}

/** What `doctor` says names the machine of the ledger, its database and the user. */
async function namesOfConnection(options: GlobalOptions): Promise<string[]> {
  try {
    const { url } = await findLedger(options, process.env);
    const {
      host = '',
      user = '',
      database = '',
    } = connectionConfig({ url, applicationName: 'report', connectTimeoutMs: 1 });
    return [host, user, database, currentUser(), hostname()].filter((name) => name !== 'localhost');
  } catch {
    return [currentUser(), hostname()]; // the ledger is not configured
  }
}

function versions() {
  const { node, openssl } = process.versions;
  return {
    program: packageJson.version,
    schema: PROGRAM_VERSION,
    node,
    openssl,
    platform: process.platform,
    arch: process.arch,
  };
}

/** The environment only by its own variables: others may contain anything. */
async function configuration(options: GlobalOptions) {
  const { config } = await configuredLedger(options, process.env);
  const ours = Object.entries(process.env).filter(([name]) => name.startsWith('ROCK_MAC_'));
  const location = await findLedger(options, process.env);
  return {
    file: config?.file,
    passwordFile: config?.passwordFile,
    ledger: describeLocation(location),
    source: location.source,
    environment: Object.fromEntries(ours),
  };
}
