import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const repository = path.join(import.meta.dirname, '..');
const pages = globSync(['*.md', '{docs,charts,ledger}/**/*.md'], { cwd: repository });

test.each(pages)('every link of %s leads to a file, and to a heading of it', (page) => {
  const text = withoutCode(readFileSync(path.join(repository, page), 'utf8'));
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  for (const link of links.filter((target) => !/^[a-z]+:/.test(target))) {
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path.join(repository, page) : path.join(repository, path.dirname(page), file);
    expect(existsSync(target), `${link} of ${page}`).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(target), `${link} of ${page}`).toContain(anchor);
  }
});

/** As GitHub makes them: lower case, without punctuation, spaces as dashes. */
function anchorsOf(file: string): string[] {
  const headings = withoutCode(readFileSync(file, 'utf8')).matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```.*?^```/gms, '');
}
