import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { table } from '../../hack/markdown.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Installation } from '../env/installation.ts';
import { annotatedPods } from '../integration/pod-kind.ts';
import { measure, median } from './measure.ts';
import { perSecond, type Section } from './report.ts';

export interface InARowOptions {
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly installation: Installation;
  /** A namespace without addresses. */
  readonly namespace: string;
  /** Returns a pod that asks for one address. */
  readonly pod: () => NewObject;
}

const MIB = 2 ** 20;

/** Runs many creates in a row with an operator: measures memory, and compares the addresses of pods with the ledger. */
export async function inARow(
  creates: number,
  { client, ledger, installation, namespace, pod }: InARowOptions,
): Promise<Section> {
  const [webhook] = installation.webhooks;
  const macs: string[] = [];
  const memory: number[] = [];
  const steps = 10;
  const started = performance.now();
  for (let step = 0; step < steps; step++) {
    await measure({ callers: 16, ms: Infinity, turns: Math.ceil(creates / steps / 16) }, async () => {
      const { metadata } = await client.create(annotatedPods, pod(), { namespace, attempts: 1 });
      const networks = JSON.parse(metadata.annotations?.[NETWORKS_ANNOTATION] ?? '[]') as { mac?: string }[];
      macs.push(networks[0]?.mac ?? 'none');
    });
    memory.push(((await webhook?.metric('process_resident_memory_bytes')) ?? 0) / MIB);
  }
  const seconds = (performance.now() - started) / 1_000;
  const held = await heldAfterAll(macs, namespace, ledger);
  const lost = macs.filter((each) => !held.has(each)).length;
  const doubled = macs.length - new Set(macs).size;
  const leaked = held.size - macs.length;
  const [first = 0] = memory;
  const settled = median(memory.slice(1, 4));
  const last = median(memory.slice(-3));
  const head = [
    'creates in a row',
    'per second',
    'memory after a tenth',
    'at the end',
    'doubled',
    'leaked',
    'in a pod and not held',
  ];
  const line = [
    perSecond(macs.length),
    perSecond(macs.length / seconds),
    `${first.toFixed(0)} MiB`,
    `${last.toFixed(0)} MiB`,
    String(doubled),
    String(leaked),
    String(lost),
  ];
  return {
    text: `### In a row\n\n${table(head, [line])}`,
    goals: [
      { goal: 'memory at the end ≤ 1.25 × early on', measured: last / settled, reached: last <= settled * 1.25 },
      {
        goal: 'addresses doubled, leaked or lost: 0',
        measured: doubled + Math.abs(leaked) + lost,
        reached: doubled + Math.abs(leaked) + lost === 0,
      },
    ],
  };
}

/** Returns the addresses that the ledger holds for pods of the namespace, once it has all of these, or after a minute. */
async function heldAfterAll(
  macs: readonly string[],
  namespace: string,
  ledger: LedgerClient,
): Promise<ReadonlySet<string>> {
  // An address from stock has its owner in the ledger when the operator has bound it.
  for (let seconds = 0; ; seconds++) {
    const rows = await ledger.query({
      text: `select rock_mac.to_mac(addr)::text as mac from rock_mac.addresses where state in ('pending', 'active') and owner_namespace = $1`,
      values: [namespace],
      row: z.object({ mac: z.string() }),
    });
    const held = new Set(rows.map((row) => row.mac));
    if (seconds === 60 || macs.every((each) => held.has(each))) return held;
    await sleep(1_000);
  }
}
