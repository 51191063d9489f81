import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ALERT_CASES } from './alert-cases.ts';

/* The alerts as Prometheus evaluates them: promtool is the program of Prometheus that tests rules. */

const alertsFile = path.join(import.meta.dirname, '..', 'charts', 'rock-mac', 'files', 'alerts.yaml');
const { alerts } = z
  .object({ alerts: z.array(z.looseObject({ alert: z.string() })) })
  .parse(parse(readFileSync(alertsFile, 'utf8')));
const names = alerts.map(({ alert }) => alert);
const isInstalled = spawnSync('promtool', ['--version']).error === undefined;
const title = isInstalled
  ? 'the alerts'
  : 'the alerts: skipped, because promtool is not installed (Debian: prometheus)';

describe.skipIf(!isInstalled)(title, () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-alerts-'));
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

  test('all have a case', () => {
    expect(ALERT_CASES.map(({ alert }) => alert)).toEqual(names);
  });

  test.each(ALERT_CASES.map((each) => [each.alert, each] as const))(
    '%s fires when it should, not before, and clears',
    (alertname, { series, interval = '1m', silentAt, firesAt, clearsAt, labels, summary }) => {
      const firing = [{ exp_labels: labels, exp_annotations: { summary } }];
      write('tests.yaml', {
        rule_files: ['rules.yaml'],
        evaluation_interval: interval,
        tests: [
          {
            interval,
            input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
            alert_rule_test: [
              { alertname, eval_time: silentAt, exp_alerts: [] },
              { alertname, eval_time: firesAt, exp_alerts: firing },
              { alertname, eval_time: clearsAt, exp_alerts: [] },
            ],
          },
        ],
      });
      const { status, output } = promtool('test', 'rules', 'tests.yaml');
      expect(status, output).toBe(0);
    },
  );

  test.each([
    ['a single refusal, in a night without any other', 'RockMacWebhookRefuses', '7m'],
    ['refusals of a webhook that was restarted', 'RockMacWebhookRefuses', '32m'],
  ])('notice %s', (_, alertname, eval_time) => {
    const refusals = 'rockmac_admission_reviews_total{entry="inject-pods",allowed="false",reason="ServiceUnavailable"}';
    const { labels, summary } = ALERT_CASES.find(({ alert }) => alert === alertname) ?? {};
    write('tests.yaml', {
      rule_files: ['rules.yaml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: [{ series: refusals, values: '0 1x24 0 2x30' }],
          alert_rule_test: [
            { alertname, eval_time, exp_alerts: [{ exp_labels: labels, exp_annotations: { summary } }] },
            { alertname, eval_time: '20m', exp_alerts: [] },
          ],
        },
      ],
    });
    const { status, output } = promtool('test', 'rules', 'tests.yaml');
    expect(status, output).toBe(0);
  });

  test('do not take an import of half a pool for a trend', () => {
    const [alertname, pool] = ['RockMacPoolFullSoon', 'pool="kubernetes"'];
    // A day of nothing, then the import, then a day of nothing.
    const free = { series: `rockmac_pool_addresses{${pool},state="free"}`, values: '65000x300 31000x300' };
    const hours = Array.from({ length: 24 }, (_, hour) => `${String(25 + hour)}h`);
    write('tests.yaml', {
      rule_files: ['rules.yaml'],
      evaluation_interval: '5m',
      tests: [
        {
          interval: '5m',
          input_series: [free, { series: `rockmac_pool_capacity{${pool}}`, values: '65536x600' }],
          alert_rule_test: hours.map((eval_time) => ({ eval_time, alertname, exp_alerts: [] })),
        },
      ],
    });
    const { status, output } = promtool('test', 'rules', 'tests.yaml');
    expect(status, output).toBe(0);
  });

  test('say nothing about the ledger while there is no leader, who alone knows', () => {
    const pods = ['operator-0', 'operator-1'];
    const alertname = 'RockMacLedgerClosed';
    write('tests.yaml', {
      rule_files: ['rules.yaml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: pods.flatMap((pod) => [
            { series: `rockmac_ledger_open{pod="${pod}"}`, values: '0x30' },
            { series: `rockmac_leading{pod="${pod}"}`, values: '0x30' },
          ]),
          alert_rule_test: [{ alertname, eval_time: '20m', exp_alerts: [] }],
        },
      ],
    });
    const { status, output } = promtool('test', 'rules', 'tests.yaml');
    expect(status, output).toBe(0);
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
