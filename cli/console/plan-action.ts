import type { ActionPlan, AddressDetails, PoolView } from '../../api/console.ts';
import { formatDuration } from '../../api/duration.ts';
import { ANNOTATIONS, GROUP, VERSION } from '../../api/names.ts';
import { macToNumber, parseAnyMac } from '../../mac/mac-address.ts';
import { claimPrefix } from '../cluster-mode/claim-name.ts';
import { toYaml } from '../output/yaml.ts';
import type { ParsedAction } from './parameters.ts';

/** What an action is about, as the source knows it. */
export interface PlanContext {
  readonly mode: 'ledger' | 'cluster';
  /** The namespace of new claims, in cluster mode. */
  readonly namespace?: string | undefined;
  readonly address?: AddressDetails | undefined;
  readonly pool?: PoolView | undefined;
  readonly pools?: readonly PoolView[] | undefined;
}

/** Returns the command, the manifest and the effects of an action. Pure. */
export function planAction(action: ParsedAction, context: PlanContext): ActionPlan {
  switch (action.kind) {
    case 'release':
      return planRelease(action, context);
    case 'renew':
      return planRenewal(action, context);
    case 'reserve':
      return planReservation(action, context);
    case 'approve':
      return planApproval(action);
    case 'pause':
      return planPause(action, context);
    case 'grow':
      return planGrowth(action, context);
  }
}

type Of<K extends ParsedAction['kind']> = Extract<ParsedAction, { kind: K }>;

function planRelease(action: Of<'release'>, context: PlanContext): ActionPlan {
  const { mac, force } = action;
  const { address, mode } = context;
  const claim = mode === 'cluster' ? address?.owner : undefined;
  const flags = [...(claim === undefined ? [] : ['-n', claim.namespace]), ...(force ? ['--force'] : [])];
  const command = commandLine(mode, ['release', mac, ...flags]);
  const effects = effectsOfRelease(action, context);
  if (claim === undefined) return { command, effects };
  return { command, yaml: deletionYaml(claim, force && address?.state === 'reserved'), effects };
}

function effectsOfRelease({ mac, force }: Of<'release'>, { address, pool }: PlanContext): string[] {
  const delay = pool?.reuseDelaySeconds;
  const period =
    delay === undefined ? 'the reuse delay of its pool' : `the reuse delay of its pool, ${formatDuration(delay)}`;
  return [
    `${mac} is taken from ${holderOf(address)}. Nothing may use it any more.`,
    `Another owner may get it after ${period}.`,
    ...(force
      ? [`It is ${address?.state ?? 'held'}, so the release is forced: check first that nothing uses it.`]
      : []),
  ];
}

/** Returns the claim to delete. A reserved one needs an annotation before. */
function deletionYaml(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  isForced: boolean,
): string {
  if (!isForced) return `# kubectl delete -f -\n${claimYaml({ name, namespace })}`;
  const annotations = { [ANNOTATIONS.forceRelease]: 'true' };
  const annotate = ['annotate', 'macallocation', name, '-n', namespace, `${ANNOTATIONS.forceRelease}=true`];
  const yaml = claimYaml({ name, namespace, annotations });
  return `# kubectl ${annotate.map(shellWord).join(' ')}\n# kubectl delete -f -\n${yaml}`;
}

function claimYaml(metadata: Readonly<Record<string, unknown>>): string {
  return toYaml({ apiVersion: apiVersion(), kind: 'MacAllocation', metadata });
}

function planRenewal({ mac, seconds }: Of<'renew'>, { address, mode }: PlanContext): ActionPlan {
  const owner = mode === 'cluster' ? address?.owner : undefined;
  const period = seconds === undefined ? 'its own period' : formatDuration(seconds);
  return {
    command: commandLine(mode, [
      'renew',
      mac,
      ...(seconds === undefined ? [] : ['--for', formatDuration(seconds)]),
      ...(owner === undefined ? [] : ['-n', owner.namespace]),
    ]),
    ...(owner !== undefined && {
      yaml: toYaml({
        apiVersion: apiVersion(),
        kind: 'MacAllocation',
        metadata: { name: owner.name, namespace: owner.namespace },
        spec: { renewedAt: 'the current time' },
      }),
    }),
    effects: [
      `${holderOf(address)} keeps ${mac} for ${period} from now on.`,
      ...(address?.expiresAt === undefined ? ['It has no expiry, so nothing changes.'] : []),
    ],
  };
}

function planReservation(
  { pool, mac, device }: Of<'reserve'>,
  { mode, namespace = 'default' }: PlanContext,
): ActionPlan {
  const which = mac ?? `the next free address of pool ${pool}`;
  return {
    command: commandLine(mode, [
      'reserve',
      '-p',
      pool,
      ...(mac === undefined ? [] : ['-m', mac]),
      '-d',
      device,
      ...(mode === 'cluster' ? ['-n', namespace] : []),
    ]),
    ...(mode === 'cluster' && {
      yaml: toYaml({
        apiVersion: apiVersion(),
        kind: 'MacAllocation',
        metadata: { generateName: claimPrefix(device), namespace },
        spec: {
          pool,
          reserved: true,
          ...(mac !== undefined && { requestedMac: mac }),
          device: { id: device, type: 'reserved' },
        },
      }),
    }),
    effects: [`${upperFirst(which)} is held for ${device}, and never expires.`, 'Only a release with --force ends it.'],
  };
}

/** There is nothing to approve in a ledger: people release expired addresses with `cleanup`. */
function planApproval({ pool, count: most }: Of<'approve'>): ActionPlan {
  const metadata = { annotations: { [ANNOTATIONS.approveRelease]: String(most) } };
  return {
    command: `kubectl patch macpool ${pool} --type=merge -p '${JSON.stringify({ metadata })}'`,
    ...manifestOfPool('cluster', pool, { metadata }),
    effects: [
      `The next resync releases up to ${count(most)} of pool ${pool} that have lost their owners.`,
      'Check before that these owners are really gone: another owner may get the addresses when the reuse delay has passed.',
    ],
  };
}

function planPause({ pool, paused }: Of<'pause'>, { mode }: PlanContext): ActionPlan {
  return {
    command: commandLine(mode, ['pool', paused ? 'pause' : 'resume', pool]),
    ...manifestOfPool(mode, pool, { spec: { paused } }),
    effects: [
      paused
        ? `Pool ${pool} hands out no address until it is resumed: new pods that need one wait or are refused.`
        : `Pool ${pool} hands out addresses again.`,
      'Addresses that are held stay held, and can be released.',
    ],
  };
}

function planGrowth(action: Of<'grow'>, context: PlanContext): ActionPlan {
  const { pool, last } = action;
  return {
    command: commandLine(context.mode, ['pool', 'grow', pool, '--last', last]),
    ...manifestOfPool(context.mode, pool, { spec: { last } }),
    effects: effectsOfGrowth(action, context),
  };
}

function effectsOfGrowth({ pool: name, last }: Of<'grow'>, { pool, pools = [] }: PlanContext): string[] {
  if (pool === undefined) return [`Pool ${name} ends at ${last}.`, 'A pool cannot shrink again.'];
  const before = parseAnyMac(pool.last);
  const more = before === undefined ? 0 : macToNumber(last) - macToNumber(before);
  if (more <= 0) return [`Pool ${name} ends at ${pool.last} already. A pool cannot shrink.`];
  const inTheWay = pools.find(({ first }) => first > pool.last && first <= last);
  if (inTheWay !== undefined)
    return [
      `Nothing: pool ${inTheWay.pool} begins at ${inTheWay.first}, and pools never share an address. Name an address before it.`,
    ];
  return [`Pool ${name} ends at ${last} instead of ${pool.last}: ${count(more)} more.`, 'A pool cannot shrink again.'];
}

/** Returns the manifest of a merge patch of a MacPool. A ledger has none. */
function manifestOfPool(
  mode: PlanContext['mode'],
  name: string,
  { metadata = {}, ...rest }: { readonly metadata?: object; readonly spec?: object },
): Pick<ActionPlan, 'yaml'> {
  if (mode === 'ledger') return {};
  return { yaml: toYaml({ apiVersion: apiVersion(), kind: 'MacPool', metadata: { name, ...metadata }, ...rest }) };
}

function apiVersion(): string {
  return `${GROUP}/${VERSION}`;
}

function commandLine(mode: PlanContext['mode'], words: readonly string[]): string {
  return [mode === 'ledger' ? 'rock-mac' : 'kubectl rock-mac', ...words.map(shellWord)].join(' ');
}

/** Quotes a word for a POSIX shell, so that no name of an object can run a command when it is pasted. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function holderOf(address: AddressDetails | undefined): string {
  const { device, owner } = address ?? {};
  if (device?.id !== undefined && device.id !== '') return `device ${device.id}`;
  if (owner === undefined) return 'its holder';
  return `${owner.kind} ${owner.namespace === '' ? '' : `${owner.namespace}/`}${owner.name}`;
}

function count(addresses: number): string {
  return `${addresses.toLocaleString('en')} address${addresses === 1 ? '' : 'es'}`;
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
