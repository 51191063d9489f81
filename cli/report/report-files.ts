import type { NameHider } from './hide-names.ts';
import { hideSecrets, hideSecretsInText } from './hide-secrets.ts';

/** One file of a report before anything is hidden. */
export interface CollectedFile {
  readonly name: string;
  /** What it shows, for the list that the user reads. */
  readonly about: string;
  /** Written as JSON, or as lines of a log. */
  readonly content: { readonly json: unknown } | { readonly lines: readonly string[] };
  /** Whether its names are those of rock-mac itself. */
  readonly ours?: boolean;
}

export interface ReportFile {
  readonly name: string;
  readonly about: string;
  readonly text: string;
}

/** Returns the files of a report without secrets, and without names if a hider is given. */
export function writtenFiles(collected: readonly CollectedFile[], hider: NameHider | undefined): ReportFile[] {
  const safe = collected.map(({ content, ...file }) => ({
    ...file,
    values: 'json' in content ? [hideSecrets(content.json)] : content.lines.map(lineValue),
    isLog: 'lines' in content,
  }));
  for (const { values, ours } of safe) if (ours !== true) hider?.learn(values);
  return safe.map(({ name, about, values, isLog }) => {
    const text = isLog ? values.map(lineText).join('\n') : JSON.stringify(values[0], null, 2);
    return { name, about, text: `${hider === undefined ? text : hider.hide(text)}\n` };
  });
}

/** A line of our logs is an object of JSON. */
function lineValue(line: string): unknown {
  try {
    return hideSecrets(JSON.parse(line));
  } catch {
    return hideSecretsInText(line);
  }
}

function lineText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
