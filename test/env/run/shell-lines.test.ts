import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { exportLine, pathLine } from './shell-lines.ts';

function evaluate(lines: string, print: string): string {
  return execFileSync('sh', ['-c', `${lines}\nprintf %s "${print}"`], { encoding: 'utf8' });
}

describe('shell lines', () => {
  it.each(['plain', 'it\'s $HOME `date` \\ "quoted"', 'postgresql://u:p@127.0.0.1:5432/db?x=1&y=2'])(
    'pass %j through a shell unchanged',
    (value) => {
      expect(evaluate(exportLine('VALUE', value), '$VALUE')).toBe(value);
    },
  );

  it('prepend a folder to PATH', () => {
    const path = evaluate(pathLine("/opt/kube ctl's"), '$PATH');
    expect(path).toBe(`/opt/kube ctl's:${process.env['PATH'] ?? ''}`);
  });
});
