/** One entry of the changelog, in the words of Artifact Hub (artifacthub.io/docs/topics/annotations/helm). */
export interface Change {
  readonly kind: 'added' | 'changed' | 'deprecated' | 'removed' | 'fixed' | 'security';
  /** Without the marks of Markdown. */
  readonly description: string;
}

/** The kinds by the first word of a heading. The entries below other headings count as changes. */
const KINDS: Readonly<Record<string, Change['kind']>> = {
  what: 'added',
  added: 'added',
  changed: 'changed',
  deprecated: 'deprecated',
  removed: 'removed',
  fixed: 'fixed',
  security: 'security',
};

/** Returns the text below the heading `## NAME` of a changelog, or undefined if it has none. */
export function sectionOf(changelog: string, name: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const found = sections.find((section) => section.split('\n', 1)[0]?.split(/[ (]/, 1)[0] === name);
  return found?.slice(found.indexOf('\n') + 1).trim();
}

/** Returns the entries of a section: the items of its lists. Its tables and other texts are for readers of the page. */
export function changesOf(section: string): readonly Change[] {
  const changes: Change[] = [];
  let kind: Change['kind'] = 'changed';
  for (const block of section.split(/\n(?=- |#)|\n\n/)) {
    const [, heading] = /^### (\w+)/.exec(block) ?? [];
    if (heading !== undefined) kind = KINDS[heading.toLowerCase()] ?? 'changed';
    if (block.startsWith('- ')) changes.push({ kind, description: plain(block.slice(2)) });
  }
  return changes;
}

function plain(markdown: string): string {
  return markdown
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
