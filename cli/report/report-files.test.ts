import { expect, test } from 'vitest';
import { createNameHider } from './hide-names.ts';
import { type CollectedFile, writtenFiles } from './report-files.ts';

const SECRET = 'S3cr3t-planted';

const collected: readonly CollectedFile[] = [
  {
    name: 'audit.json',
    about: 'the newest entries',
    content: { json: { items: [{ owner: { namespace: 'shop', name: 'web-0' }, reason: `password=${SECRET}` }] } },
  },
  {
    name: 'logs/operator.log',
    about: 'the end of a log',
    content: {
      lines: [
        JSON.stringify({ level: 30, namespace: 'bank', msg: 'bound', token: SECRET }),
        `panic in shop/web-0: postgresql://ada:${SECRET}@db/x`,
      ],
    },
  },
];

test('the files have neither secrets nor names, in objects, in log lines and in other lines', () => {
  const files = writtenFiles(collected, createNameHider('salt', ['web']));
  expect(files.map(({ name }) => name)).toEqual(['audit.json', 'logs/operator.log']);
  const text = files.map((file) => file.text).join('');
  for (const hidden of [SECRET, 'shop', 'web-0', 'bank', 'ada']) expect(text).not.toContain(hidden);
  expect(text).toContain('"msg":"bound"');
});

test('without a hider, the names stay and the secrets do not', () => {
  const text = writtenFiles(collected, undefined)
    .map((file) => file.text)
    .join('');
  expect(text).toContain('shop/web-0');
  expect(text).not.toContain(SECRET);
});
