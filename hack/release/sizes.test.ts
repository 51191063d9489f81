import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PLATFORMS } from './platforms.ts';
import { sizesOn, wrongSizes } from './sizes.ts';

const PAGE = `| file                              | what  | size   |
| --------------------------------- | ----- | ------ |
| \`rock-mac_VERSION_linux_x.tar.gz\` | a \`b\` | 100 MB |
`;

test.each([95.3e6, 100e6, 105e6])('a file of %d octets has the size that the page says', (octets) => {
  expect(wrongSizes(PAGE, '0.2.0', new Map([['rock-mac_0.2.0_linux_x.tar.gz', octets]]))).toEqual([]);
});

test.each([94e6, 106e6])('a file of %d octets has not', (octets) => {
  expect(wrongSizes(PAGE, '0.2.0', new Map([['rock-mac_0.2.0_linux_x.tar.gz', octets]]))).toEqual([
    expect.stringMatching(/has (94|106) MB, and its table says 100 MB/),
  ]);
});

test('a file that the page does not name is reported', () => {
  expect(wrongSizes(PAGE, '0.2.0', new Map([['other.tgz', 3e6]]))).toEqual([
    expect.stringMatching(/other\.tgz is not/),
  ]);
});

test('docs/install.md names the size of each archive', () => {
  const page = readFileSync(new URL('../../docs/install.md', import.meta.url), 'utf8');
  const names = PLATFORMS.flatMap(({ os, arch }) =>
    ['rock-mac', 'kubectl-rock_mac'].map((name) => `${name}_${os}_${arch}.tar.gz`),
  );
  expect([...sizesOn(page).keys()]).toEqual(expect.arrayContaining(names));
});
