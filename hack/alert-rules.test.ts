import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

/* The alerts as Prometheus evaluates them: promtool is the program of Prometheus that tests rules. */

const alertsFile = path.join(import.meta.dirname, '..', 'charts', 'rock-mac', 'files', 'alerts.yaml');
const isInstalled = spawnSync('promtool', ['--version']).error === undefined;
const title = isInstalled
  ? 'the alerts'
  : 'the alerts: skipped, because promtool is not installed (Debian: prometheus)';

describe.skipIf(!isInstalled)(title, () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-alerts-'));
    const { alerts } = parse(readFileSync(alertsFile, 'utf8')) as { readonly alerts: readonly object[] };
    write('rules.yaml', { groups: [{ name: 'rock-mac', rules: alerts }] });
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** JSON is YAML. */
  function write(file: string, content: object): void {
    writeFileSync(path.join(folder, file), JSON.stringify(content));
  }

  function promtool(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  }

  function conflictsOf(mac: string, values: string) {
    return { series: `rockmac_conflicts{mac="${mac}",scope="namespace",pod="operator-0"}`, values };
  }

  function firing(...macs: readonly string[]) {
    return macs.map((mac) => ({
      exp_labels: { severity: 'critical', mac, scope: 'namespace' },
      exp_annotations: { summary: `2 objects use ${mac} (scope: namespace).` },
    }));
  }

  test('are valid', () => {
    expect(promtool('check', 'rules', 'rules.yaml')).toMatchObject({ status: 0 });
  });

  test('50: the one of shared addresses fires for two of them, stays for one, and clears at none', () => {
    const [one, two] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
    const at = (eval_time: string, ...macs: readonly string[]) => ({
      eval_time,
      alertname: 'RockMacAddressShared',
      exp_alerts: firing(...macs),
    });
    write('tests.yaml', {
      rule_files: ['rules.yaml'],
      evaluation_interval: '30s',
      tests: [
        {
          interval: '30s',
          // A series that the operator no longer has becomes stale at the next scrape. Ten scrapes are five minutes.
          input_series: [conflictsOf(one, '_x4 2x16 stale'), conflictsOf(two, '_x4 2x6 stale')],
          alert_rule_test: [at('1m'), at('2m'), at('4m', one, two), at('7m', one), at('12m')],
        },
      ],
    });
    expect(promtool('test', 'rules', 'tests.yaml')).toMatchObject({ status: 0 });
  });
});
