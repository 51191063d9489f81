/*
 * The dashboard for Grafana: what the console shows of pools and of the ledger, and what the programs measure of themselves. It is
 * generated, because panels repeat a lot and their places follow from their sizes.
 */

/** A panel: what it shows, and the expressions with the text of their lines. */
interface Panel {
  readonly title: string;
  readonly description: string;
  readonly type: 'timeseries' | 'stat' | 'bargauge';
  readonly unit: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly (readonly [expression: string, legend: string])[];
  /** Values from which it is yellow and red. */
  readonly steps?: readonly [warning: number, critical: number];
  readonly max?: number;
}

/** Every replica reports the counts of pools, and only one counts. */
const ROWS: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
  {
    title: 'Pools',
    panels: [
      {
        title: 'Use of each pool',
        description: 'Addresses that are not free, of the capacity. Steps at 75 and 90 %.',
        type: 'bargauge',
        unit: 'percentunit',
        width: 8,
        max: 1,
        steps: [0.75, 0.9],
        queries: [
          [
            '1 - max by (pool) (rockmac_pool_addresses{pool=~"$pool",state="free"}) / max by (pool) (rockmac_pool_capacity{pool=~"$pool"})',
            '{{pool}}',
          ],
        ],
      },
      {
        title: 'Addresses by state',
        description: 'Of the chosen pools, without those that are free.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          ['sum by (state) (max by (pool, state) (rockmac_pool_addresses{pool=~"$pool",state!="free"}))', '{{state}}'],
        ],
      },
      {
        title: 'Days until full',
        description: 'What is free, divided by the growth of the last week. Only of pools that grow.',
        type: 'bargauge',
        unit: 'd',
        width: 8,
        queries: [
          [
            'max by (pool) (rockmac_pool_addresses{pool=~"$pool",state="free"}) / (-86400 * deriv(sum by (pool) (max by (pool, state) (rockmac_pool_addresses{pool=~"$pool",state="free"}))[7d:1h]) > 0)',
            '{{pool}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'What happens',
    panels: [
      {
        title: 'Addresses handed out',
        description: 'Reviews that gave addresses to pods and machines, pods from stock, and claims, a second.',
        type: 'timeseries',
        unit: 'reqps',
        width: 8,
        queries: [
          ['sum by (entry) (rate(rockmac_admission_reviews_total{allowed="true"}[5m]))', 'reviews {{entry}}'],
          ['sum(rate(rockmac_stock_answers_total[5m]))', 'pods from stock'],
          ['sum by (pool) (rate(rockmac_claims_allocated_total{pool=~"$pool"}[5m]))', 'claims of {{pool}}'],
        ],
      },
      {
        title: 'Addresses released',
        description: 'By cause, a second.',
        type: 'timeseries',
        unit: 'reqps',
        width: 8,
        queries: [['sum by (cause) (rate(rockmac_releases_total[5m]))', '{{cause}}']],
      },
      {
        title: 'Refused',
        description: 'Reviews and claims that got no address, a second.',
        type: 'timeseries',
        unit: 'reqps',
        width: 8,
        queries: [
          ['sum by (reason) (rate(rockmac_admission_reviews_total{allowed="false"}[5m]))', 'reviews: {{reason}}'],
          ['sum by (reason) (rate(rockmac_claims_refused_total[5m]))', 'claims: {{reason}}'],
        ],
      },
    ],
  },
  {
    title: 'What needs a person',
    panels: [
      stat('Ledger', 'Whether it hands out addresses: 1 or 0.', 'max(rockmac_ledger_open)', 'bool_yes_no'),
      stat(
        'Conflicts',
        'Addresses that several objects use.',
        'count(max by (mac, scope) (rockmac_conflicts)) or vector(0)',
        'short',
        [1, 1],
      ),
      stat(
        'Orphaned',
        'Addresses whose owner may or may not exist.',
        'sum(max by (pool) (rockmac_pool_addresses{pool=~"$pool",state="orphaned"}))',
        'short',
        [1, 1_000],
      ),
      stat(
        'Releases held',
        'They wait for an approval.',
        'sum(max by (pool) (rockmac_auto_release_held))',
        'short',
        [1, 1],
      ),
      stat('Pods that wait', 'Pods with a scheduling gate.', 'max(rockmac_gated_pods)', 'short', [1, 50]),
      stat(
        'Last resync',
        'How long ago the cluster was last compared with the ledger.',
        'time() - max(rockmac_last_resync_timestamp_seconds)',
        's',
        [900, 3_600],
      ),
    ],
  },
  {
    title: 'How fast',
    panels: [
      {
        title: 'Admission reviews',
        description: 'Time from the request of the API server to the response.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: quantiles('rockmac_admission_review_duration_seconds_bucket'),
      },
      {
        title: 'Statements on the ledger',
        description: 'Their duration, all programs.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: quantiles('rockmac_ledger_statement_duration_seconds_bucket'),
      },
      {
        title: 'Stock lasts for',
        description: 'At the average rate of the last hour, by process of the webhook.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [['min by (pod) (rockmac_stock_covers_seconds)', '{{pod}}']],
      },
    ],
  },
  {
    title: 'Programs',
    panels: [
      {
        title: 'Audit without a seal for',
        description: 'How long ago the leader last sealed the whole audit.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [['max(rockmac_audit_seal_lag_seconds)', 'seal']],
      },
      {
        title: 'Memory',
        description: 'Of each process.',
        type: 'timeseries',
        unit: 'bytes',
        width: 8,
        queries: [
          [
            'process_resident_memory_bytes * on (instance) group_left () group by (instance) ({__name__=~"rockmac_.+"})',
            '{{pod}}',
          ],
        ],
      },
      {
        title: 'Certificates expire in',
        description: 'They are renewed when a third of their life is left.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [['min by (pod) (rockmac_certificate_expiry_timestamp_seconds) - time()', '{{pod}}']],
      },
    ],
  },
];

function stat(
  title: string,
  description: string,
  expression: string,
  unit: string,
  steps?: readonly [number, number],
): Panel {
  return { title, description, type: 'stat', unit, width: 4, queries: [[expression, title]], ...(steps && { steps }) };
}

function quantiles(metric: string): Panel['queries'] {
  return [0.5, 0.99].map((share) => [
    `histogram_quantile(${String(share)}, sum by (le) (rate(${metric}[5m])))`,
    `p${String(share * 100)}`,
  ]);
}

const PANEL_HEIGHT = 8;
const STAT_HEIGHT = 4;

/** Returns the dashboard as Grafana imports it (its JSON model, schema version 39). */
export function grafanaDashboard(): unknown {
  const panels: unknown[] = [];
  let y = 0;
  for (const { title, panels: row } of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y },
      panels: [],
    });
    y += 1;
    let x = 0;
    const height = row.every(({ type }) => type === 'stat') ? STAT_HEIGHT : PANEL_HEIGHT;
    for (const panel of row) {
      panels.push(panelOf(panel, panels.length + 1, { h: height, w: panel.width, x, y }));
      x += panel.width;
    }
    y += height;
  }
  return {
    uid: 'rock-mac',
    title: 'rock-mac',
    tags: ['rock-mac'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-24h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        {
          ...{ name: 'pool', label: 'Pool', type: 'query', datasource: DATASOURCE },
          ...{ query: 'label_values(rockmac_pool_capacity, pool)', refresh: 2 },
          ...{ includeAll: true, multi: true, allValue: '.+', current: { text: 'All', value: '$__all' } },
        },
      ],
    },
    panels,
  };
}

const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

function panelOf(
  { title, description, type, unit, queries, steps, max }: Panel,
  id: number,
  gridPos: Readonly<Record<string, number>>,
): unknown {
  const colours = ['yellow', 'red'] as const;
  return {
    ...{ id, title, description, type, gridPos, datasource: DATASOURCE },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max !== undefined && { max }),
        thresholds: {
          mode: 'absolute',
          steps: [
            { color: 'green', value: null },
            ...(steps ?? []).map((value, index) => ({ color: colours[index], value })),
          ],
        },
      },
      overrides: [],
    },
    ...(type === 'bargauge' && { options: { orientation: 'horizontal', displayMode: 'basic' } }),
    targets: queries.map(([expr, legendFormat], index) => ({
      ...{ refId: String.fromCharCode(65 + index), datasource: DATASOURCE, expr, legendFormat },
      instant: type !== 'timeseries',
      range: type === 'timeseries',
    })),
  };
}

/** Returns every expression, with variables replaced as Grafana does, for tests. */
export function grafanaExpressions(): string[] {
  return ROWS.flatMap(({ panels }) =>
    panels.flatMap(({ queries }) => queries.map(([expr]) => expr.replaceAll('$pool', '.+'))),
  );
}
