import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
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

const FILE_NAME = /^`?((?:[\w.-]+\/)*[\w.-]+\.(?:ts|sql|md|yaml|json|sh))`?$/;

test.each(pages)('every link of %s that is labelled with a file name leads to that file', (page) => {
  const text = withoutCode(readFileSync(path.join(repository, page), 'utf8'));
  for (const [link, label = '', target = ''] of text.matchAll(/\[([^\]]+)\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
    const name = FILE_NAME.exec(label)?.[1];
    if (name !== undefined) expect(`/${target}`.endsWith(`/${name}`), `${link} of ${page}`).toBe(true);
  }
});

const ROOMS = 'api|charts|cli|crds|deploy|docs|hack|kube|ledger|mac|operator|process|test|webhook';
const PATH_IN_CODE = new RegExp(`\`((?:${ROOMS})/[\\w./-]+\\.[a-z]+)\``, 'g');

test.each(pages)('every path of the repository that %s names exists', (page) => {
  const text = withoutCode(readFileSync(path.join(repository, page), 'utf8'));
  for (const [, file = ''] of text.matchAll(PATH_IN_CODE)) {
    expect(existsSync(path.join(repository, file)), `${file} in ${page}`).toBe(true);
  }
});

test.each(['kube', 'ledger', 'operator', 'webhook'])('docs/architecture.md names every folder of %s/', (room) => {
  const text = readFileSync(path.join(repository, 'docs/architecture.md'), 'utf8');
  const [, section = ''] = text.split(`**In \`${room}/\`**`);
  const [rows = ''] = section.split(/\n(?:\*\*|#)/);
  const named = [...rows.matchAll(/^\| `([\w-]+)\/`/gm)].map(([, name]) => name);
  const folders = readdirSync(path.join(repository, room), { withFileTypes: true }).filter((each) =>
    each.isDirectory(),
  );
  expect(named.sort()).toEqual(folders.map(({ name }) => name).sort());
});

/** Returns the anchors that GitHub makes for headings: lower case, no punctuation, dashes for spaces. */
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
