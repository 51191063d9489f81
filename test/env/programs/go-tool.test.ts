import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type GoTool, resolveGoTool } from './go-tool.ts';

const TOOL: GoTool = {
  ...{ name: 'Helm 4', program: 'helm', folder: 'helm4', module: 'helm.sh/helm/v4', cache: 'helm', variable: 'HELM4' },
};
let home = '';
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'rock-mac-tool-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** Puts a `go` on the PATH that writes this script as the program. */
function fakeGo(script: string): NodeJS.ProcessEnv {
  const go = `#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n${script}\n`;
  mkdirSync(path.join(home, 'bin'));
  writeFileSync(path.join(home, 'bin/go'), go);
  chmodSync(path.join(home, 'bin/go'), 0o755);
  return { XDG_CACHE_HOME: path.join(home, 'cache'), PATH: `${path.join(home, 'bin')}:/usr/bin:/bin` };
}

test('the variable names the program, and nothing is built', async () => {
  expect(await resolveGoTool(TOOL, () => undefined, { HELM4: '/opt/helm' })).toBe('/opt/helm');
});

test('a program is built once, under the version that go.mod pins', async () => {
  const env = fakeGo('printf "#!/bin/sh\\necho built\\n" > "$2helm" && chmod +x "$2helm"');
  const logged: string[] = [];
  const log = (line: string) => void logged.push(line);
  const program = await resolveGoTool(TOOL, log, env);
  expect(program).toMatch(/cache\/rock-mac\/helm\/v4\.\d+\.\d+\/helm$/);
  expect(execFileSync(program, { encoding: 'utf8' })).toBe('built\n');
  expect(await resolveGoTool(TOOL, log, env)).toBe(program);
  expect(logged).toHaveLength(1);
});

test('a failed build names the variable that replaces it, and leaves nothing in the cache', async () => {
  const env = fakeGo('exit 1');
  await expect(resolveGoTool(TOOL, () => undefined, env)).rejects.toThrow(/set HELM4 to the path/);
  const left = execFileSync('find', [path.join(home, 'cache'), '-name', '*unfinished*'], { encoding: 'utf8' });
  expect(left).toBe('');
});
