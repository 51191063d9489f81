import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { z } from 'zod';
import { findByMacs } from '../../ledger/address/find.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import { eventually, type Patience } from '../env/run/eventually.ts';
import type { InstalledEnv } from '../integration/installed-env.ts';

/*
 * Where the addresses of a pod can be read, from the kernel to the ledger. All four places must agree.
 */

const exec = promisify(execFile);

const storedPod = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
  status: z.object({
    phase: z.string(),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});
export type WiredPod = z.infer<typeof storedPod>;

const addresses = z.array(z.object({ interface: z.string().optional(), mac: z.string() }));
const networkStatus = z.array(
  z.object({ interface: z.string().optional(), mac: z.string().optional(), ips: z.array(z.string()).optional() }),
);
const links = z.array(z.object({ ifname: z.string(), address: z.string() }));

/** Returns the addresses in the annotation of rock-mac. */
export function writtenMacs({ metadata: { annotations } }: WiredPod): string[] {
  return addresses.parse(JSON.parse(annotations['mac.rock-os.io/addresses'] ?? '[]')).map(({ mac }) => mac);
}

/** Returns what Multus reports about the interfaces of a pod. */
export function networkStatusOf({ metadata: { annotations } }: WiredPod): z.infer<typeof networkStatus> {
  return networkStatus.parse(JSON.parse(annotations['k8s.v1.cni.cncf.io/network-status'] ?? '[]'));
}

/** Returns the MAC addresses of a pod's interfaces in the kernel, by the interface's name. */
export async function linksOf(pod: WiredPod): Promise<Record<string, string>> {
  for (const process of processesOf(pod)) {
    try {
      const { stdout } = await exec('nsenter', [`--net=/proc/${process}/ns/net`, 'ip', '-j', 'link']);
      const found = links.parse(JSON.parse(stdout)).filter(({ ifname }) => ifname !== 'lo');
      return Object.fromEntries(found.map(({ ifname, address }) => [ifname, address]));
    } catch (error) {
      if (processesOf(pod).includes(process)) throw error; // it did not end in between
    }
  }
  throw new Error(`${pod.metadata.name} has no process`);
}

/** Returns the processes of a pod by their numbers on the machine: the kubelet names a pod's cgroup after its uid. */
export function processesOf({ metadata: { uid } }: WiredPod): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`pod${uid}`);
      } catch {
        return false; // it ended
      }
    });
}

/** Returns the pods that a selector or a name finds. */
export async function podsOf({ plane }: InstalledEnv, ...found: string[]): Promise<WiredPod[]> {
  const text = await plane.kubectl(['get', 'pods', '-o', 'json', ...found]);
  const list = z.object({ items: z.array(storedPod) }).or(storedPod.transform((pod) => ({ items: [pod] })));
  return list.parse(JSON.parse(text)).items;
}

/** The addresses of one pod at the four places, sorted. */
interface PodWire {
  readonly written: readonly string[];
  readonly reported: readonly string[];
  readonly onLinks: readonly string[];
  readonly inLedger: readonly string[];
}

async function wireOf(pod: WiredPod, { ledger }: InstalledEnv): Promise<PodWire> {
  const written = writtenMacs(pod);
  const parsed = written.flatMap((text): MacAddress[] => {
    const mac = parseMac(text);
    return mac.ok ? [mac.mac] : [];
  });
  const rows = await findByMacs(ledger, parsed);
  const isOurs = (mac: string | undefined): mac is string => mac?.startsWith('a4:58:0f:') === true;
  return {
    written: written.toSorted(),
    reported: networkStatusOf(pod)
      .map(({ mac }) => mac)
      .filter(isOurs)
      .toSorted(),
    onLinks: Object.values(await linksOf(pod))
      .filter(isOurs)
      .toSorted(),
    inLedger: rows
      .filter(({ state, owner, consumer }) => state === 'active' && (consumer ?? owner)?.name === pod.metadata.name)
      .map(({ mac }) => mac)
      .toSorted(),
  };
}

/** What every check of the wire expects. */
export interface WireExpectation extends Patience {
  /** How many pods are running. */
  readonly pods: number;
  /** How many addresses each of them has. */
  readonly each: number;
}

/**
 * Waits until so many pods are ready and none is left over, and each has its addresses on its links, in the report of Multus and
 * in the ledger as the annotation has them. Returns the pods. Throws what differs.
 */
export async function untilOnTheWire(
  env: InstalledEnv,
  found: readonly string[],
  { pods, each, within = 60_000 }: WireExpectation,
): Promise<WiredPod[]> {
  return await eventually(
    async () => {
      const all = await podsOf(env, ...found);
      const ready = all.filter(isReady);
      if (all.length !== pods || ready.length !== pods) {
        const shown = all.map((pod) => `${pod.metadata.name} ${pod.status.phase}${isReady(pod) ? ' ready' : ''}`);
        throw new Error(`${pods} ready pods are expected, and there are: ${shown.join(', ')}`);
      }
      const wires = await Promise.all(all.map((pod) => wireOf(pod, env)));
      const wrong = wires.flatMap((wire, index) =>
        isConsistent(wire, each) ? [] : [`${all[index]?.metadata.name ?? ''}: ${JSON.stringify(wire)}`],
      );
      if (wrong.length > 0) throw new Error(`The addresses differ: ${wrong.join('\n')}`);
      const macs = wires.flatMap(({ written }) => written);
      if (new Set(macs).size !== macs.length) throw new Error(`Two pods have one address: ${macs.join(' ')}`);
      return all;
    },
    { within, every: 250 },
  );
}

function isConsistent({ written, reported, onLinks, inLedger }: PodWire, each: number): boolean {
  const text = written.join();
  return written.length === each && [reported, onLinks, inLedger].every((place) => place.join() === text);
}

function isReady({ metadata, status }: WiredPod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}
