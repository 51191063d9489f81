import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { sectionOf } from './changelog.ts';
import type { Checkout } from './refusals.ts';

const run = promisify(execFile);
const chartSchema = z.object({ version: z.string(), appVersion: z.string() });
const packageSchema = z.object({ version: z.string() });

/** Reads what a release of this version depends on. `root` is the folder of the checkout. */
export async function readCheckout(root: string, version: string): Promise<Checkout> {
  const git = async (...args: string[]): Promise<string> => (await run('git', args, { cwd: root })).stdout.trimEnd();
  const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');
  const chart = chartSchema.parse(parse(await read('charts/rock-mac/Chart.yaml')));
  const status = await git('status', '--porcelain');
  return {
    version,
    packageVersion: packageSchema.parse(JSON.parse(await read('package.json'))).version,
    chartVersions: [chart.version, chart.appVersion],
    changedFiles: status === '' ? [] : status.split('\n').map((line) => line.slice(3)),
    commit: await git('rev-parse', 'HEAD'),
    tagged: await git('rev-parse', '--verify', '--quiet', `refs/tags/v${version}^{commit}`).catch(() => undefined),
    inChangelog: sectionOf(await read('CHANGELOG.md'), version) !== undefined,
  };
}

/** Returns the time of the commit, in seconds since 1970. */
export async function commitTime(root: string): Promise<number> {
  return Number((await run('git', ['log', '-1', '--format=%ct'], { cwd: root })).stdout.trim());
}
