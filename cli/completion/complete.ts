import type { Argument, Command, Option } from 'commander';

/** A word that may be completed at the cursor. */
export interface Candidate {
  readonly text: string;
  readonly description: string;
}

/** Values that are read from the ledger or the cluster. */
export type LiveSource = 'pools' | 'prefixes' | 'macs' | 'holders';

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** More candidates to read, with the flags that were typed. */
  readonly live?: LiveSource | undefined;
  /** Whether the shell may complete file names here. */
  readonly files: boolean;
  /** The word at the cursor. */
  readonly typed: string;
  /** The flags typed so far with their values. */
  readonly options: Readonly<Record<string, string | boolean>>;
}

/** The flags whose values are read from the ledger or the cluster. */
const LIVE_FLAGS: Readonly<Record<string, LiveSource>> = { pool: 'pools', mac: 'macs', device: 'holders' };

/** Completes the last of `words`, which may be empty. */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? '';
  const { command, pending, positions, options } = parseWords(program, words.slice(0, -1));
  const shared = { typed, options, files: false };
  if (pending !== undefined) return { ...shared, ...completeFlagValue(pending, typed) };
  if (typed.startsWith('-')) {
    const flags = flagsOf(command).map(({ long, short, description }) => ({ text: long ?? short ?? '', description }));
    return { ...shared, candidates: withPrefix(typed, flags) };
  }
  const children = command.createHelp().visibleCommands(command);
  const argument = argumentAt(command, positions);
  const choices = (argument?.argChoices ?? []).map((text) => ({ text, description: '' }));
  if (children.length > 0 && positions === 0) {
    const names = children.map((child) => ({
      text: child.name(),
      description: child.summary() || child.description(),
    }));
    return { ...shared, candidates: withPrefix(typed, [...names, ...choices]) };
  }
  if (argument === undefined) return { ...shared, candidates: [] };
  if (argument.name() === 'file') return { ...shared, candidates: [], files: true };
  return {
    ...shared,
    candidates: withPrefix(typed, choices),
    live: liveArgument(command, argument.name()),
  };
}

/** Returns the argument at a position. The last one may have any number of values. */
function argumentAt({ registeredArguments: known }: Command, position: number): Argument | undefined {
  const last = known.at(-1);
  return known[position] ?? (last?.variadic === true ? last : undefined);
}

/** Returns where the values of an argument are read. The name of a new pool is nowhere. */
function liveArgument(command: Command, argument: string): LiveSource | undefined {
  if (argument.startsWith('mac')) return 'holders';
  if (argument === 'prefix') return 'prefixes';
  return argument === 'pool' && command.name() !== 'add' ? 'pools' : undefined;
}

/** Returns the command typed so far, the flag that still needs a value, and the number of positional arguments. */
function parseWords(program: Command, words: readonly string[]) {
  let command = program;
  let pending: Option | undefined;
  let positions = 0;
  const options: Record<string, string | boolean> = {};
  for (const word of words) {
    if (pending !== undefined) {
      options[pending.attributeName()] = word;
      pending = undefined;
    } else if (word.startsWith('-')) {
      const [name = '', value] = word.split('=', 2);
      const flag = flagsOf(command).find(({ short, long }) => short === name || long === name);
      if (flag === undefined) continue;
      if (flag.isBoolean()) options[flag.attributeName()] = true;
      else if (value === undefined) pending = flag;
      else options[flag.attributeName()] = value;
    } else {
      const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (child === undefined) positions++;
      else command = child;
    }
  }
  return { command, pending, positions, options };
}

/** Returns the flags of a command and of the program. */
function flagsOf(command: Command): Option[] {
  const help = command.createHelp();
  const inherited = command.parent === null ? [] : help.visibleGlobalOptions(command);
  return [...help.visibleOptions(command), ...inherited];
}

function completeFlagValue(flag: Option, typed: string): Pick<Completion, 'candidates' | 'live' | 'files'> {
  const choices = (flag.argChoices ?? []).map((text) => ({ text, description: '' }));
  const name = flag.attributeName();
  return {
    candidates: withPrefix(typed, choices),
    live: LIVE_FLAGS[name],
    files: ['config', 'kubeconfig', 'conflicts'].includes(name),
  };
}

export function withPrefix(typed: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ text }) => text.startsWith(typed));
}
