import type { PoolDefinition } from '../../api/default-pools.ts';
import { formatDuration } from '../../api/duration.ts';
import type { MacPoolSpec } from '../../api/mac-pool.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { isAlreadyExists } from '../../kube/client/errors.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { CommandResult, PoolChange } from '../backend.ts';
import { UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import { NOT_SEEN_YET } from './evaluate-claim.ts';
import { poll } from './poll.ts';
import { getMacPool } from './read-pools.ts';
import { reasonAnnotation } from './reason-annotation.ts';
import type { Scope } from './scope.ts';

/** Changes a MacPool and waits until the operator has written it into the ledger. Returns a line that says what changed. */
export async function changeMacPool(change: PoolChange, scope: Scope): Promise<CommandResult<string>> {
  const line = await make(change, scope);
  return scope.dryRun
    ? { kind: 'dry-run', message: `Dry run, nothing was changed. ${line}` }
    : { kind: 'done', value: line };
}

async function make(change: PoolChange, scope: Scope): Promise<string> {
  switch (change.kind) {
    case 'add':
      return await add(change.definition, change.reason, scope);
    case 'grow': {
      const { last } = change;
      await patch(change.pool, { last }, change.reason, scope);
      return `Grown: pool ${change.pool} ends at ${last}`;
    }
    case 'strategy': {
      const { strategy } = change;
      requireStrategy(await patch(change.pool, { strategy }, change.reason, scope), change.pool);
      return `Changed: pool ${change.pool} is ${strategy}`;
    }
    case 'pause':
      await patch(change.pool, { paused: true }, change.reason, scope);
      return `Paused: pool ${change.pool} hands out nothing. Its addresses stay valid`;
    case 'resume':
      requireResumed(await patch(change.pool, { paused: false }, change.reason, scope), change.pool);
      return `Resumed: pool ${change.pool} hands out addresses`;
    case 'delete':
      return await remove(change.pool, change.reason, scope);
  }
}

async function add(definition: PoolDefinition, reason: string | undefined, scope: Scope): Promise<string> {
  const { client, dryRun } = scope;
  const { name, first, last, description, autoReleaseSeconds, reuseDelaySeconds, strategy } = definition;
  const spec: MacPoolSpec = {
    first,
    last,
    reuseDelay: formatDuration(reuseDelaySeconds),
    ...(strategy !== undefined && { strategy }),
    ...(description !== '' && { description }),
    ...(autoReleaseSeconds !== null && { autoReleaseAfter: formatDuration(autoReleaseSeconds) }),
  };
  let created: MacPool;
  try {
    created = await client.create(macPools, { metadata: { name, ...reasonAnnotation(reason) }, spec }, { dryRun });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw new UserError(
      `There is a MacPool ${name} already.`,
      `\`kubectl rock-mac pool describe ${name}\` shows it. Choose another name.`,
      'conflict',
    );
  }
  if (!dryRun) await untilInLedger(created, 'created', scope);
  return `Added: pool ${name}, ${first} to ${last}`;
}

async function patch(
  name: string,
  spec: Partial<MacPoolSpec>,
  reason: string | undefined,
  scope: Scope,
): Promise<MacPool | undefined> {
  const { client, dryRun } = scope;
  await getMacPool(name, scope);
  // The reason of the last change is none of this one.
  const body = { metadata: { annotations: { [ANNOTATIONS.reason]: reason ?? null } }, spec };
  const patched = await client.patch(macPools, { name }, { type: 'merge', body }, { dryRun });
  return dryRun ? undefined : await untilInLedger(patched, 'changed', scope);
}

/** Throws a UserError if the ledger keeps a pool paused. */
function requireResumed(pool: MacPool | undefined, name: string): void {
  const ready = pool && readyOf(pool);
  if (ready?.reason !== 'Paused') return;
  throw new UserError(`Pool ${name} is still paused.`, `${ready.message}.`, 'conflict');
}

/** Throws a UserError if the ledger keeps a pool random. */
function requireStrategy(pool: MacPool | undefined, name: string): void {
  const ready = pool && readyOf(pool);
  if (ready?.reason !== 'RandomElsewhere') return;
  throw new UserError(`Pool ${name} is still random.`, `${ready.message}.`, 'conflict');
}

async function remove(name: string, reason: string | undefined, scope: Scope): Promise<string> {
  const { client, dryRun } = scope;
  const { metadata, status = {} } = await getMacPool(name, scope);
  const { active = 0, pending = 0, reserved = 0, orphaned = 0 } = status;
  // A deletion that waits cannot be cancelled, and happens when nobody expects it any more.
  if (active + pending + reserved + orphaned > 0) {
    throw new UserError(
      `Addresses of pool ${name} are held, so it was not deleted.`,
      `\`kubectl rock-mac list -A --pool ${name}\` shows them. Release them, or pause the pool: \`kubectl rock-mac pool pause ${name}\`.`,
      'conflict',
    );
  }
  if ((reason ?? metadata.annotations?.[ANNOTATIONS.reason]) !== undefined) {
    const body = { metadata: { uid: metadata.uid, annotations: { [ANNOTATIONS.reason]: reason ?? null } } };
    await client.patch(macPools, { name }, { type: 'merge', body }, { dryRun });
  }
  await client.delete(macPools, { name }, { uid: metadata.uid, dryRun });
  if (!dryRun) {
    await wait(name, 'is being deleted', scope, (pool) => pool?.metadata.uid !== metadata.uid);
  }
  return `Deleted: pool ${name}. The ledger keeps it paused if it handed out addresses before`;
}

/** Waits until the operator has written a MacPool into the ledger, and returns it. Throws a UserError if the ledger refuses it. */
async function untilInLedger(
  { metadata }: MacPool,
  verb: 'created' | 'changed',
  scope: Scope,
): Promise<MacPool | undefined> {
  const { name, generation = 0 } = metadata;
  const pool = await wait(name, `was ${verb}`, scope, (current) => {
    if (current === undefined) return true;
    const seen = readyOf(current)?.observedGeneration ?? 0;
    return seen >= generation;
  });
  const ready = pool && readyOf(pool);
  if (ready === undefined || ready.status === 'True' || ready.reason === 'Paused') return pool;
  throw new UserError(
    `MacPool ${name} was ${verb}, but the ledger refuses it (${ready.reason}). ${ready.message}.`,
    verb === 'created' ? `Delete it with \`kubectl rock-mac pool delete ${name}\`, or change its spec.` : '',
    'conflict',
  );
}

/** Polls a MacPool until a condition holds. Returns its last state. Ctrl-C ends the wait but not the change. */
async function wait(
  name: string,
  what: string,
  { client, waitMs, progress }: Scope,
  isDone: (pool: MacPool | undefined) => boolean,
): Promise<MacPool | undefined> {
  const interruption = watchInterruption(process);
  let waitingFor = NOT_SEEN_YET;
  try {
    const polled = await poll(
      async () => {
        const pool = await client.find(macPools, { name });
        if (isDone(pool)) return { pool };
        const ready = pool && readyOf(pool);
        if (ready !== undefined) waitingFor = `${ready.reason}: ${ready.message}`;
        progress(`Waiting for the operator: ${waitingFor}`);
        return undefined;
      },
      { withinMs: waitMs, signal: interruption.signal },
    );
    if (polled.state === 'done') return polled.value.pool;
  } finally {
    interruption.stop();
    progress('');
  }
  throw new UserError(
    `MacPool ${name} ${what}, but the ledger does not have the change yet (${waitingFor}).`,
    'The operator makes it once it can reach the ledger; see `kubectl get pods -A -l app.kubernetes.io/part-of=rock-mac`.',
    'unavailable',
  );
}

function readyOf({ status }: MacPool) {
  return findCondition(status?.conditions ?? [], 'Ready');
}
