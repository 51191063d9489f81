import { expect, test } from 'vitest';
import { redactUrls } from './redact.ts';

test.each([
  ['postgresql://app:secret@db:5432/rock', 'postgresql://app:***@db:5432/rock'],
  ['cannot reach postgres://app:s3c:r@t@db/rock now', 'cannot reach postgres://app:***@db/rock now'],
  [
    'postgresql://db/rock?user=app&password=secret&sslmode=require',
    'postgresql://db/rock?user=app&password=***&sslmode=require',
  ],
  ['postgresql://app@db/rock', 'postgresql://app@db/rock'],
  ['"postgresql://:secret@db/rock"', '"postgresql://:***@db/rock"'],
])('a password in %j does not reach a log', (text, wanted) => {
  expect(redactUrls(text)).toBe(wanted);
});
