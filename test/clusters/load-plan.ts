/** One request that somebody sends to a cluster. */
export type Step = { readonly namespace: string; readonly name: string } & (
  | { readonly do: 'create pod'; readonly networks: number; readonly claim?: string | undefined }
  | { readonly do: 'delete pod' }
  | { readonly do: 'create claim' }
  | { readonly do: 'delete claim' }
  | { readonly do: 'roll out'; readonly revision: number }
);

export interface LoadOptions {
  readonly namespaces: readonly string[];
  /** How many names of pods and of claims there are in each namespace. About half of them exist at any time. */
  readonly podNames: number;
  readonly claimNames: number;
}

/** The Deployment that each namespace has. */
export const DEPLOYMENT = 'web';

/** Every how many steps the Deployment of a namespace is rolled out. */
const ROLL_OUT_EVERY = 12;

/**
 * Yields an endless load that depends on `random` alone. All clusters may run the same plan, so their namespaces, names
 * and times are the same. Few names, because the risk is in names that come back.
 *
 * The plan assumes that every step succeeds. If one did not, a later step finds an object or misses one, and fails too.
 */
export function* planLoad(options: LoadOptions, random: () => number): Generator<Step, never> {
  const { namespaces } = options;
  const existing = new Set<string>();
  for (let revision = 1; ; revision++) {
    const namespace = pick(namespaces, random);
    if (revision % ROLL_OUT_EVERY === 0) {
      yield { do: 'roll out', namespace, name: DEPLOYMENT, revision };
      continue;
    }
    const step = nextObject(options, existing, { namespace, random });
    const key = `${step.do.endsWith('claim') ? 'claim' : 'pod'} ${namespace}/${step.name}`;
    if (step.do.startsWith('create')) existing.add(key);
    else existing.delete(key);
    yield step;
  }
}

function nextObject(
  { podNames, claimNames }: LoadOptions,
  existing: ReadonlySet<string>,
  { namespace, random }: { readonly namespace: string; readonly random: () => number },
): Step {
  const claim = numbered('claim', claimNames, random);
  const hasClaim = existing.has(`claim ${namespace}/${claim}`);
  if (random() < claimNames / (claimNames + podNames)) {
    return { do: hasClaim ? 'delete claim' : 'create claim', namespace, name: claim };
  }
  const name = numbered('pod', podNames, random);
  if (existing.has(`pod ${namespace}/${name}`)) return { do: 'delete pod', namespace, name };
  // A claim has one address, so its pod has one network.
  if (hasClaim && random() < 0.5) return { do: 'create pod', namespace, name, networks: 1, claim };
  return { do: 'create pod', namespace, name, networks: pick([1, 1, 2, 3], random) };
}

function numbered(word: string, count: number, random: () => number): string {
  return `${word}-${String(Math.floor(random() * count))}`;
}

function pick<T>(values: readonly T[], random: () => number): T {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}
