import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { COMMAND_LINES } from './bundle.ts';
import { launcher } from './launcher.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-launcher-'));
  mkdirSync(path.join(folder, 'build'));
  writeFileSync(path.join(folder, 'build', 'rock-mac'), launcher('rock-mac'), { mode: 0o755 });
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a program that pretends to be Node of this version and prints which program it was to run. */
function putNode(at: string, version: string): void {
  mkdirSync(path.join(folder, path.dirname(at)), { recursive: true });
  const script = `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\necho "${version} runs $(basename "$1") $2"\n`;
  writeFileSync(path.join(folder, at), script, { mode: 0o755 });
}

function run() {
  const env = { PATH: `${path.join(folder, 'bin')}:/usr/bin:/bin` };
  return spawnSync(path.join(folder, 'build', 'rock-mac'), ['stats'], { encoding: 'utf8', env });
}

test.each(['v22.19.0', 'v22.20.1', 'v24.0.0', 'v100.1.0'])('%s runs the program', (version) => {
  putNode('bin/node', version);
  expect(run().stdout).toBe(`${version} runs rock-mac.js stats\n`);
});

test.each(['v22.18.0', 'v20.19.5', 'v8.99.0'])('%s is too old, and the error says so', (version) => {
  putNode('bin/node', version);
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toContain(`needs Node.js ${packageJson.engines.node.replace('>=', '')} or newer`);
});

test("the checkout's Node replaces one that is too old, and the installation's own Node comes first", () => {
  putNode('bin/node', 'v20.0.0');
  putNode('node_modules/node/bin/node', 'v24.1.0');
  expect(run().stdout).toContain('v24.1.0 runs');
  putNode('build/node', 'v24.2.0');
  expect(run().stdout).toContain('v24.2.0 runs');
});

const noShellcheck = spawnSync('shellcheck', ['--version']).status !== 0;

test.skipIf(noShellcheck)('shellcheck finds nothing in the launchers, which also run where no test does', () => {
  for (const program of COMMAND_LINES) {
    const { status, stdout } = spawnSync('shellcheck', ['-'], { encoding: 'utf8', input: launcher(program) });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  }
});
