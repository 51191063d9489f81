import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { parseCopy, parseDockerfile } from './dockerfile.ts';

const repository = path.join(import.meta.dirname, '..');
const stages = parseDockerfile(readFileSync(path.join(repository, 'Dockerfile'), 'utf8'));
const final = stages.at(-1);

function texts(keyword: string): string[] {
  return (final?.instructions ?? []).filter((each) => each.keyword === keyword).map(({ text }) => text);
}

describe('the Dockerfile', () => {
  test('builds on one exact image of Node, of the version that the tests run on', () => {
    expect(stages.length).toBeGreaterThan(1);
    const builders = stages.slice(0, -1).map(({ from }) => from);
    for (const from of builders) {
      const [tag, digest] = from.split('@');
      expect(tag).toBe(`node:${packageJson.devDependencies.node}-bookworm-slim`);
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    }
  });

  test('begins the final stage with nothing, so that the image has neither a shell nor a package manager', () => {
    expect(final?.from).toBe('scratch');
  });

  test('runs nothing in the final stage, so that no package manager leaves anything behind', () => {
    expect(texts('RUN')).toEqual([]);
    expect(texts('ADD')).toEqual([]);
  });

  test('copies into the final stage only files that an earlier stage built', () => {
    const names = stages.slice(0, -1).map(({ name }) => name);
    for (const text of texts('COPY')) expect(names).toContain(parseCopy(text).from);
  });

  test('runs as a number that is not root, so that Kubernetes can check it', () => {
    expect(texts('USER')).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
  });

  test('starts its program without a shell, which would not pass signals on', () => {
    for (const text of [...texts('ENTRYPOINT'), ...texts('CMD')])
      expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(texts('ENTRYPOINT')).toHaveLength(1);
  });

  test('has no variable whose name looks like a secret', () => {
    const variables = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ keyword }) => /^(ENV|ARG)$/.test(keyword));
    for (const { text } of variables) expect(text).not.toMatch(/password|secret|token|_key/i);
  });

  test('excludes files that are not sources from the build', () => {
    const ignored = readFileSync(path.join(repository, '.dockerignore'), 'utf8').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['.git', 'node_modules', 'build']));
  });
});

describe('parseDockerfile', () => {
  test('joins continued lines, skips comments, and separates stages', () => {
    const text = '# one\nFROM a:1 AS first\nRUN x && \\\n    y\n\nFROM b:2\nCOPY --from=first /x ./\n';
    expect(parseDockerfile(text)).toEqual([
      { from: 'a:1', name: 'first', instructions: [{ keyword: 'RUN', text: 'x && y' }] },
      { from: 'b:2', name: undefined, instructions: [{ keyword: 'COPY', text: '--from=first /x ./' }] },
    ]);
  });
});
