import type { Command, Option } from 'commander';

/** Something that may stand where the cursor is, and a word about it. */
export interface Candidate {
  readonly text: string;
  readonly about: string;
}

/** What only the ledger or the cluster knows. */
export type Live = 'pools' | 'macs' | 'holders';

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Asked for by the one who calls, with the flags that were typed. */
  readonly live?: Live | undefined;
  /** A file may stand here: the shell knows those. */
  readonly files: boolean;
  /** What is being typed. */
  readonly typed: string;
  /** Flags with their values, as far as they were typed. */
  readonly options: Readonly<Record<string, string | boolean>>;
}

const NO_FILES = { files: false } as const;

/** Which live values the value of a flag is one of. */
const LIVE_FLAGS: Readonly<Record<string, Live>> = { pool: 'pools', mac: 'macs', device: 'holders' };

/** What may stand at the end of a command line of which these are the words so far, the last one perhaps empty. */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? '';
  const { command, pending, positions, options } = walk(program, words.slice(0, -1));
  const shared = { typed, options, ...NO_FILES };
  if (pending !== undefined) return { ...shared, ...valuesOf(pending, typed) };
  if (typed.startsWith('-')) {
    const flags = flagsOf(command).map((flag) => ({ text: flag.long ?? flag.short ?? '', about: flag.description }));
    return { ...shared, candidates: beginningWith(typed, flags) };
  }
  const children = command.createHelp().visibleCommands(command);
  if (children.length > 0 && positions === 0) {
    const names = children.map((child) => ({ text: child.name(), about: child.summary() || child.description() }));
    return { ...shared, candidates: beginningWith(typed, names) };
  }
  const argument = command.registeredArguments[positions];
  if (argument === undefined) return { ...shared, candidates: [] };
  if (argument.name() === 'file') return { ...shared, candidates: [], files: true };
  const choices = (argument.argChoices ?? []).map((text) => ({ text, about: '' }));
  return {
    ...shared,
    candidates: beginningWith(typed, choices),
    live: argument.name().startsWith('mac') ? 'holders' : undefined,
  };
}

/** The command that was named so far, the flag that waits for its value, and how many arguments there are already. */
function walk(program: Command, words: readonly string[]) {
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
      const child = command.commands.find((each) => each.name() === word);
      if (child === undefined) positions++;
      else command = child;
    }
  }
  return { command, pending, positions, options };
}

/** Its own flags and those of the program. */
function flagsOf(command: Command): Option[] {
  const help = command.createHelp();
  const inherited = command.parent === null ? [] : help.visibleGlobalOptions(command);
  return [...help.visibleOptions(command), ...inherited];
}

function valuesOf(flag: Option, typed: string): Pick<Completion, 'candidates' | 'live' | 'files'> {
  const choices = (flag.argChoices ?? []).map((text) => ({ text, about: '' }));
  const name = flag.attributeName();
  return {
    candidates: beginningWith(typed, choices),
    live: LIVE_FLAGS[name],
    files: name === 'config' || name === 'kubeconfig',
  };
}

export function beginningWith(typed: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ text }) => text.startsWith(typed));
}
