import path from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import { freshLedger } from '../integration/ledger-fixture.ts';
import { openPage, startBrowser } from './browser.ts';
import { startConsole } from './console-server.ts';
import { fillLedger, SMALL } from './fill-ledger.ts';

const FOLDER = path.join(import.meta.dirname, '../../docs/console');

interface Picture {
  readonly name: string;
  readonly hash: string;
  /** What a person does before the picture is taken. */
  readonly use?: (page: Page) => Promise<void>;
}

const PICTURES: readonly Picture[] = [
  { name: 'pools', hash: '#/pools' },
  {
    name: 'map',
    hash: '#/map/kubernetes',
    use: (page) => page.locator('canvas').hover({ position: { x: 250, y: 180 } }),
  },
  {
    name: 'search',
    hash: '#/pools',
    use: async (page) => {
      await page.keyboard.type('web');
      await page.getByRole('option').nth(3).waitFor();
      await page.keyboard.press('ArrowDown');
    },
  },
  { name: 'address', hash: '#/address/a4:58:0f:01:00:2a' },
  { name: 'audit', hash: '#/audit?pool=kubernetes' },
  { name: 'clusters', hash: '#/clusters' },
  {
    name: 'action',
    hash: '#/address/a4:58:0f:01:00:2a',
    use: async (page) => {
      await page.getByRole('button', { name: 'Release…' }).click();
      await page.locator('dialog .command').waitFor();
    },
  },
];

/** Takes the pictures of docs/console.md: `ROCK_MAC_PICTURES=1 npx vitest run --project console pictures`. */
test.runIf(process.env['ROCK_MAC_PICTURES'] !== undefined)(
  'takes the pictures of the documentation',
  async () => {
    const ledger = await freshLedger();
    await fillLedger(ledger, SMALL);
    const served = await startConsole(ledger.url);
    const browser = await startBrowser();
    const sizes = [
      ['light', { height: 820 }],
      ['dark', { height: 820, theme: 'dark' }],
      ['phone', { width: 390, height: 844 }],
    ] as const;
    for (const { name, hash, use } of PICTURES) {
      for (const [suffix, options] of sizes) {
        const opened = await openPage(browser, served, hash, options);
        const { page } = opened;
        await page.waitForTimeout(1_500);
        await use?.(page);
        await page.waitForTimeout(700);
        // The name of the ledger is a random one.
        await page.evaluate(
          `document.querySelector('footer bdi').textContent = 'postgresql://db.example.org/rock_mac'`,
        );
        await page.screenshot({ path: path.join(FOLDER, `${name}-${suffix}.png`) });
        await opened.close();
      }
    }
    await browser.close();
    await served.close();
    await ledger.close();
  },
  900_000,
);
