import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderTemplate } from '../../cli/output/json-path/evaluate.ts';
import { parseTemplate } from '../../cli/output/json-path/parse.ts';
import { sharedTestEnv } from '../env/testing.ts';

/* Compares the templates of `-o jsonpath` with those of kubectl, for one object. */

const OBJECT = {
  apiVersion: 'example.com/v1',
  kind: 'Rack',
  metadata: { name: 'a7', labels: { row: 'a' }, annotations: { 'example.com/place': 'left' } },
  rows: [
    { mac: 'a', pool: 'p', count: 1, device: { id: 'web', type: 'vm' } },
    { mac: 'b', pool: 'q', count: 3, reserved: true },
    { mac: 'c', pool: 'q', count: 2, none: null },
  ],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-jsonpath-'));
  await writeFile(path.join(folder, 'object.json'), JSON.stringify(OBJECT));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Returns what kubectl prints for the object without a cluster, or `refused`. */
async function ofKubectl(template: string): Promise<string> {
  const kubectl = path.join(sharedTestEnv().binariesFolder, 'kubectl');
  const args = ['label', '--local', '-f', path.join(folder, 'object.json'), 'row=a', '-o', `jsonpath=${template}`];
  try {
    return (await promisify(execFile)(kubectl, args, { env: { HOME: folder } })).stdout;
  } catch {
    return 'refused';
  }
}

function ofRockMac(template: string): string {
  try {
    return renderTemplate(parseTemplate(template), OBJECT);
  } catch {
    return 'refused';
  }
}

test.each([
  'text',
  '{.kind}',
  '{$.kind}{@.kind}',
  "{['kind']}",
  '{ .kind }',
  '[{.missing.deeper}]',
  '{.rows[*].pool}',
  '{.rows[1].pool}{.rows[-1].mac}',
  '{.rows[0:2].count} {.rows[1:].count} {.rows[::2].count} {.rows[-2:].mac}',
  "{.rows[0,2].count} {.rows[0]['mac','pool']}",
  "{.metadata.annotations['example\\.com/place']}{.metadata.annotations.example\\.com/place}",
  '{.rows[0].device}',
  '{..id} {..mac} {.metadata..row}',
  '{.rows[2].count} {.rows[1].reserved} {.rows[2].none}',
  '{.rows[?(@.pool=="q")].count} {.rows[?(@.pool!=\'q\')].count} {.rows[?(@.count >= 2)].count}',
  '{.rows[?(@.device)].mac} {.rows[?(@.device.type=="vm")].device.id} {.rows[?(@.reserved==true)].mac}',
  '{.rows[?(@.missing=="x")].mac}',
  '{"a\\tb\\n"}{\'c\'}{"\\u0041"}',
  '{range .rows[*]}{.pool}={.count}{"\\n"}{end}',
  '{range .rows[0:1]}{range .device.type}<{@}>{end}{end}!',
  '{range .none[*]}x{end}y',
  '{range .rows[*]}{.mac}',
  '.rows',
  '{.rows',
  '{end}',
  '{rows}',
  '{.rows[7]}',
  '{.rows[?(@.pool>1)]}',
  '{.kind[0]}',
])('%s prints what kubectl prints', { timeout: 60_000 }, async (template) => {
  expect(ofRockMac(template)).toBe(await ofKubectl(template));
});
