/* For every alert of the chart: what Prometheus scrapes when it should fire, and when it should be silent again. */

export interface AlertCase {
  readonly alert: string;
  /** What is scraped, in the notation of promtool, without the metric that a process always has. */
  readonly series: Readonly<Record<string, string>>;
  /** The time between two scrapes: a minute, unless it is about days. */
  readonly interval?: string;
  /** Too early: what is wrong may be over in a moment. */
  readonly silentAt: string;
  readonly firesAt: string;
  readonly clearsAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** Bad for half an hour, then good for half an hour: one scrape a minute. */
function badThenGood(bad: number, good: number): string {
  return `${String(bad)}x29 ${String(good)}x30`;
}

const POOL = { pool: 'kubernetes' };
const HALF_HOUR = { firesAt: '25m', clearsAt: '35m' };
const OPERATOR = 'pod="operator-0"';

function poolOf(state: string, values: string) {
  return { [`rockmac_pool_addresses{pool="kubernetes",state="${state}",${OPERATOR}}`]: values };
}

function capacityOf(addresses: number) {
  return { [`rockmac_pool_capacity{pool="kubernetes",${OPERATOR}}`]: `${String(addresses)}x1000` };
}

/** A gauge of the operator that is 1 while something is wrong. */
function flag(metric: string) {
  return { [`${metric}{${OPERATOR}}`]: badThenGood(1, 0) };
}

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'RockMacPoolNearlyFull',
    series: { ...poolOf('free', badThenGood(20, 60)), ...capacityOf(100) },
    silentAt: '14m',
    ...HALF_HOUR,
    labels: { severity: 'info', ...POOL },
    summary: 'Pool kubernetes is 80% full.',
  },
  {
    alert: 'RockMacPoolAlmostFull',
    series: { ...poolOf('free', badThenGood(5, 20)), ...capacityOf(100) },
    silentAt: '14m',
    ...HALF_HOUR,
    labels: { severity: 'warning', ...POOL },
    summary: 'Pool kubernetes is 95% full.',
  },
  {
    // Half a day at ten addresses a minute, and then none for a day. Most are free all the time in a pool of the same trend.
    alert: 'RockMacPoolFullSoon',
    interval: '5m',
    series: {
      ...poolOf('free', '32700x20 32650-50x143 25450x600'),
      ...capacityOf(65_536),
      'rockmac_pool_addresses{pool="docker",state="free"}': '60000-50x165 51750x600',
      'rockmac_pool_capacity{pool="docker"}': '65536x1000',
    },
    silentAt: '100m',
    firesAt: '12h',
    clearsAt: '50h',
    labels: { severity: 'warning', ...POOL },
    summary: 'Pool kubernetes will have no free address within three days, if it goes on like in the last day.',
  },
  {
    alert: 'RockMacPoolFull',
    series: poolOf('free', badThenGood(0, 1)),
    silentAt: '0m',
    ...HALF_HOUR,
    labels: { severity: 'critical', ...POOL },
    summary: 'Pool kubernetes has no free address. New requests are rejected.',
  },
  {
    alert: 'RockMacLedgerClosed',
    series: {
      [`rockmac_ledger_open{${OPERATOR}}`]: badThenGood(0, 1),
      [`rockmac_leading{${OPERATOR}}`]: '1x60',
      'rockmac_ledger_open{pod="operator-1"}': '0x60',
      'rockmac_leading{pod="operator-1"}': '0x60',
    },
    silentAt: '1m',
    ...HALF_HOUR,
    labels: { severity: 'critical' },
    summary: 'The ledger allocates nothing: it is unreachable, recovering or paused.',
  },
  {
    // Sixty statements a minute, first all slower than half a second, then all faster.
    alert: 'RockMacLedgerSlow',
    series: {
      'rockmac_ledger_statement_duration_seconds_bucket{le="0.5",outcome="ok"}': '0x29 0+60x30',
      'rockmac_ledger_statement_duration_seconds_bucket{le="1",outcome="ok"}': '0+60x59',
      'rockmac_ledger_statement_duration_seconds_bucket{le="+Inf",outcome="ok"}': '0+60x59',
    },
    silentAt: '9m',
    firesAt: '25m',
    clearsAt: '45m',
    labels: { severity: 'warning' },
    summary: 'A quarter of the statements on the ledger takes longer than 875ms.',
  },
  {
    alert: 'RockMacPodsWaitForLedger',
    series: { [`rockmac_gated_pods_oldest_seconds{${OPERATOR}}`]: badThenGood(601, 0) },
    silentAt: '0m',
    ...HALF_HOUR,
    labels: { severity: 'warning' },
    summary:
      'Pods have waited for their addresses for more than ten minutes: the ledger is unreachable, or refuses them.',
  },
  {
    alert: 'RockMacAuditChanged',
    series: flag('rockmac_audit_anchor_missing'),
    silentAt: '0m',
    ...HALF_HOUR,
    labels: { severity: 'critical' },
    summary: 'The audit of the ledger lacks a seal that this cluster has seen: somebody rewrote or removed history.',
  },
  {
    alert: 'RockMacAuditNotSealed',
    series: { [`rockmac_audit_seal_lag_seconds{${OPERATOR}}`]: badThenGood(301, 10) },
    silentAt: '4m',
    ...HALF_HOUR,
    labels: { severity: 'warning' },
    summary: 'The audit was not sealed for more than five minutes. Changes of its newest rows would not be noticed.',
  },
  {
    alert: 'RockMacStockShort',
    series: {
      'rockmac_stock_covers_seconds{pool="kubernetes",pod="webhook-0"}': badThenGood(540, 3_600),
      'rockmac_stock_covers_seconds{pool="kubernetes",pod="webhook-1"}': '7200x60',
      ...poolOf('stocked', '512x60'),
      ...poolOf('free', '30000x60'),
    },
    silentAt: '14m',
    ...HALF_HOUR,
    labels: { severity: 'warning', ...POOL },
    summary: 'The stock of pool kubernetes covers only 9m 0s without the ledger.',
  },
  {
    // Six days before its end it is replaced by one of thirty days. Another pod has not made its certificate yet.
    alert: 'RockMacCertificateEnds',
    series: {
      'rockmac_certificate_expiry_timestamp_seconds{namespace="net",pod="webhook-0"}': badThenGood(518_400, 2_592_000),
      'rockmac_certificate_expiry_timestamp_seconds{namespace="net",pod="operator-1"}': '0x60',
    },
    silentAt: '14m',
    ...HALF_HOUR,
    labels: { severity: 'warning', namespace: 'net', pod: 'webhook-0' },
    summary: 'The serving certificate of pod webhook-0 ends in 5d 23h 35m 0s and was not renewed.',
  },
  {
    alert: 'RockMacNoLeader',
    series: { [`rockmac_leading{${OPERATOR}}`]: badThenGood(0, 1), 'rockmac_leading{pod="operator-1"}': '0x60' },
    silentAt: '4m',
    ...HALF_HOUR,
    labels: { severity: 'critical' },
    summary: 'No operator is the leader: nothing is bound or released, and deleted MacAllocations remain.',
  },
  {
    // Its pods cannot be scraped for half an hour.
    alert: 'RockMacNoWebhook',
    series: { 'rockmac_admission_reviews_total{reason="ServiceUnavailable",pod="webhook-0"}': '_x29 0x30' },
    silentAt: '4m',
    ...HALF_HOUR,
    labels: { severity: 'critical' },
    summary: 'No webhook is running: pods and virtual machines that request addresses are rejected.',
  },
  {
    alert: 'RockMacResyncOverdue',
    series: { [`rockmac_last_resync_timestamp_seconds{${OPERATOR}}`]: '-3600x29 1800x30' },
    silentAt: '4m',
    ...HALF_HOUR,
    labels: { severity: 'warning' },
    summary: 'The last resync of the cluster with the ledger was more than an hour ago.',
  },
  {
    alert: 'RockMacAutoReleaseHeld',
    series: { [`rockmac_auto_release_held{pool="kubernetes",${OPERATOR}}`]: badThenGood(120, 0) },
    silentAt: '9m',
    ...HALF_HOUR,
    labels: { severity: 'warning', ...POOL },
    summary: '120 addresses of pool kubernetes are not released until a person approves it.',
  },
  {
    alert: 'RockMacExpiryHeld',
    series: flag('rockmac_expiry_held'),
    silentAt: '14m',
    ...HALF_HOUR,
    labels: { severity: 'warning' },
    summary: 'Nothing expires: the clock of the database differs from those of most operators and webhooks.',
  },
  {
    alert: 'RockMacClusterIdentityShared',
    series: flag('rockmac_cluster_identity_shared'),
    silentAt: '9m',
    ...HALF_HOUR,
    labels: { severity: 'critical' },
    summary: 'Another control plane has the identity of this cluster. A person decides which one goes on.',
  },
  {
    // A series that the operator no longer has becomes stale at the next scrape.
    alert: 'RockMacAddressShared',
    series: { [`rockmac_conflicts{mac="02:00:00:00:00:01",scope="namespace",${OPERATOR}}`]: '2x29 stale' },
    silentAt: '0m',
    ...HALF_HOUR,
    labels: { severity: 'critical', mac: '02:00:00:00:00:01', scope: 'namespace' },
    summary: '2 objects use 02:00:00:00:00:01 (scope: namespace).',
  },
  {
    alert: 'RockMacAddressNotApplied',
    series: { [`rockmac_addresses_not_applied{kind="Pod",${OPERATOR}}`]: badThenGood(3, 0) },
    silentAt: '4m',
    ...HALF_HOUR,
    labels: { severity: 'warning', kind: 'Pod' },
    summary: '3 interfaces of objects of kind Pod have another address than they were given.',
  },
  {
    alert: 'RockMacAddressesOrphaned',
    series: poolOf('orphaned', '7x89 0x30'),
    silentAt: '59m',
    firesAt: '65m',
    clearsAt: '95m',
    labels: { severity: 'info', ...POOL },
    summary: '7 addresses of pool kubernetes have an owner that cannot be confirmed.',
  },
  {
    // One refusal a minute, and then none.
    alert: 'RockMacWebhookRefuses',
    series: {
      'rockmac_admission_reviews_total{entry="inject-pods",allowed="false",reason="ServiceUnavailable"}':
        '0+1x29 29x30',
    },
    silentAt: '4m',
    firesAt: '25m',
    clearsAt: '45m',
    labels: { severity: 'warning' },
    summary:
      'Pods or virtual machines that request addresses are rejected because the ledger or the pool is unavailable.',
  },
];
