import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { changesOf, sectionOf } from './changelog.ts';

const CHANGELOG = `# Changelog

Words about the page.

## Pending

- Not released.

## 0.2.0 (2027-01-31)

An introduction.

### What it contains

- A command, \`top\`, that
  watches ([cli.md](docs/cli.md)).

### Renamed

| old | new |
| --- | --- |
| a   | b   |

### Security

- One hole less.
- Another.

## 0.1.0

- First.
`;

test('the section of a version ends at the next heading, and is found with a date behind it', () => {
  expect(sectionOf(CHANGELOG, '0.1.0')).toBe('- First.');
  expect(sectionOf(CHANGELOG, '0.2.0')).toMatch(/^An introduction\.[^]*- Another\.$/);
});

test('a version without a heading has no section, also if a longer version begins like it', () => {
  expect(sectionOf(CHANGELOG, '0.3.0')).toBeUndefined();
  expect(sectionOf(CHANGELOG, '0.1')).toBeUndefined();
});

test('each item of a list is one change of the kind that its heading names, without marks', () => {
  expect(changesOf(sectionOf(CHANGELOG, '0.2.0') ?? '')).toEqual([
    { kind: 'added', description: 'A command, top, that watches (cli.md).' },
    { kind: 'security', description: 'One hole less.' },
    { kind: 'security', description: 'Another.' },
  ]);
});

test('the changelog of this repository has changes that are not empty', () => {
  const text = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8');
  const sections = [...text.matchAll(/^## (\S+)/gm)].map(([, name = '']) => changesOf(sectionOf(text, name) ?? ''));
  for (const changes of sections) {
    expect(changes.length).toBeGreaterThan(0);
    for (const { description } of changes) expect(description).not.toBe('');
  }
});
