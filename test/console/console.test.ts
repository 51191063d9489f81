import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { allocate } from '../../ledger/address/allocate.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { aRequest, freshLedger, LEASE_SECONDS, readingUrl, type TestLedger } from '../integration/ledger-fixture.ts';
import {
  accessibilityViolations,
  CHROMIUM,
  NO_CHROMIUM,
  type OpenPage,
  openPage,
  type PageOptions,
  startBrowser,
} from './browser.ts';
import { type RunningConsole, startConsole } from './console-server.ts';
import { fillLedger, LARGE } from './fill-ledger.ts';

/** The ledger has 460,000 addresses and a million rows of the audit. */
let ledger: TestLedger;
let proxy: TcpProxy;
let served: RunningConsole;
let readOnly: RunningConsole;
let browser: Browser;

const HOSTILE = '<img src=x onerror=alert(1)>\u202Eexe.cod';

describe.skipIf(CHROMIUM === undefined)(`the console in a browser (${CHROMIUM ?? NO_CHROMIUM})`, () => {
  beforeAll(async () => {
    ledger = await freshLedger();
    await fillLedger(ledger, LARGE);
    const { hostname, port } = new URL(ledger.url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const through = new URL(ledger.url);
    through.port = String(proxy.port);
    through.hostname = '127.0.0.1';
    served = await startConsole(through.href);
    readOnly = await startConsole(await readingUrl(ledger));
    browser = await startBrowser();
  }, 600_000);

  afterAll(async () => {
    await browser.close();
    await readOnly.close();
    await served.close();
    await proxy.close();
    await ledger.close();
  });

  async function open(hash: string, options: PageOptions & { readonly of?: RunningConsole } = {}): Promise<OpenPage> {
    const opened = await openPage(browser, options.of ?? served, hash, options);
    onTestFinished(() => opened.close());
    return opened;
  }

  const PAGES = [
    ['#/pools', 'Pools'],
    ['#/map/kubernetes', 'Map'],
    ['#/search?q=web', 'Results for'],
    ['#/address/a4:58:0f:05:00:2a', 'a4:58:0f:05:00:2a'],
    ['#/audit', 'Audit'],
    ['#/clusters', 'Clusters'],
  ] as const;

  describe.each(PAGES)('the page %s', (hash, heading) => {
    test.each([
      ['light', 1_280],
      ['dark', 1_280],
      ['light', 390],
    ] as const)('in %s, %d pixels wide, has its content, no error, no hindrance, and fits', async (theme, width) => {
      const { page, errors } = await open(hash, { theme, width });
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
      await settled(page);
      expect(await page.locator('[role=alert]').count()).toBe(0);
      expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')).toBe(
        0,
      );
      expect(await accessibilityViolations(page)).toEqual([]);
      expect(errors).toEqual([]);
    });
  });

  test('paints within a second, also its first data', async () => {
    const { page } = await open('#/pools');
    await page.locator('.pool').first().waitFor();
    const painted = await page.evaluate<number>(
      `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity`,
    );
    expect(painted).toBeLessThan(1_000);
  });

  describe('search', () => {
    test('has the focus first, and "/" leads back to it', async () => {
      const { page } = await open('#/pools');
      const box = page.getByRole('combobox', { name: /^Search/ });
      await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('search');
      await page.getByRole('link', { name: 'Clusters' }).focus();
      await page.keyboard.press('/');
      expect(await page.evaluate('document.activeElement.id')).toBe('search');
      expect(await box.inputValue()).toBe('');
    });

    test.each([
      ['an address in another notation', 'A458.0F05.002A', 'a4:58:0f:05:00:2a'],
      ['a device', 'vm-00003', 'vm-00003'],
      ['a value of metadata', 'SN0000003', 'SN0000003'],
    ])('finds %s while it is typed', async (_what, text, found) => {
      const { page } = await open('#/pools');
      await page.keyboard.type(text);
      const option = page.getByRole('option').first();
      await option.waitFor();
      await expect.poll(() => option.textContent()).toContain(found);
    });

    test('opens the address that the arrow keys choose', async () => {
      const { page } = await open('#/pools');
      await page.keyboard.type('a4:58:0f:05:00:2a');
      await page.getByRole('option').first().waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'a4:58:0f:05:00:2a' }).waitFor();
    });
  });

  describe('the map', () => {
    test('says who has the address under the pointer, and a click opens it', async () => {
      const { page } = await open('#/map/kubernetes');
      await settled(page);
      const canvas = page.locator('canvas');
      await canvas.hover({ position: { x: 7, y: 7 } });
      const pointed = page.locator('.pointed');
      await expect.poll(() => pointed.textContent()).toMatch(/a4:58:0f:05:0\d:0\d.*(active|released|free|waiting)/);
      const mac = (await pointed.locator('.mac').first().textContent()) ?? '';
      await canvas.click({ position: { x: 7, y: 7 } });
      await page.getByRole('heading', { level: 1, name: mac }).waitFor();
    });

    test('enlarges what is dragged, until each cell has its octet', async () => {
      const { page } = await open('#/map/kubernetes');
      await settled(page);
      const box = await page.locator('canvas').boundingBox();
      if (box === null) throw new Error('the map is not visible');
      await page.mouse.move(box.x + 30, box.y + 30);
      await page.mouse.down();
      await page.mouse.move(box.x + 80, box.y + 70, { steps: 4 });
      await page.mouse.up();
      const all = page.getByRole('button', { name: 'All columns' });
      await expect.poll(() => all.isEnabled()).toBe(true);
      expect(page.url()).toContain('#/map/kubernetes');
      await all.click();
      await expect.poll(() => all.isEnabled()).toBe(false);
    });

    test('shows pools of any size: its last row is an address of the pool', async () => {
      const { page } = await open('#/map/large');
      await settled(page);
      await page.evaluate(`document.querySelector('.map-scroller').scrollTo(0, 1e9)`);
      const box = await page.locator('canvas').boundingBox();
      await page.locator('canvas').hover({ position: { x: 5, y: (box?.height ?? 0) - 5 } });
      await expect.poll(() => page.locator('.pointed').textContent()).toMatch(/a4:58:0f:1f:f[ef]:01.*never used/);
    });

    test('dims all addresses in which a text is not found', async () => {
      const { page } = await open('#/map/kubernetes');
      await settled(page);
      const before = await colours(page);
      const filter = page.getByLabel('Show only addresses with this text');
      await filter.fill('web-');
      await expect.poll(() => colours(page)).not.toBe(before);
      const names = await colours(page);
      await filter.fill(':2a');
      await expect.poll(() => colours(page)).not.toBe(names);
      await filter.fill('05:00:2a');
      // Only one cell of the first rows keeps its colour.
      const alpha = await page.evaluate<number>(`(() => {
        const map = document.querySelector('canvas');
        const { width, height } = map;
        const colours = new Map();
        const pixels = map.getContext('2d').getImageData(0, 0, width, height).data;
        for (let at = 0; at < pixels.length; at += 4) {
          const colour = pixels.slice(at, at + 3).join();
          colours.set(colour, (colours.get(colour) ?? 0) + 1);
        }
        return colours.size;
      })()`);
      expect(alpha).toBeGreaterThan(1);
      await filter.fill('');
      await expect.poll(() => colours(page)).toBe(before);
    });

    test('dims other states, and is used with the keyboard', async () => {
      const { page } = await open('#/map/kubernetes');
      await settled(page);
      const before = await colours(page);
      await page.getByRole('button', { name: 'orphaned' }).click();
      await expect.poll(() => colours(page)).not.toBe(before);
      await page.locator('canvas').focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'a4:58:0f:05:01:00' }).waitFor();
    });
  });

  test('a change appears in the audit while one looks, and in a download', async () => {
    const { page } = await open('#/audit');
    await page.locator('tbody tr').first().waitFor();
    const device = `live-${String(Date.now())}`;
    await allocate(ledger.db, 'large', [aRequest({ key: device, pool: 'large', device: { id: device } })], {
      leaseSeconds: LEASE_SECONDS,
    });
    const row = page.locator('tr.new', { hasText: device });
    await row.waitFor({ timeout: 5_000 });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      open(`#/audit?target=${device}`).then(async (filtered) => {
        await filtered.page.locator('tbody tr', { hasText: device }).waitFor();
        await page.goto(`${served.origin}/#/audit?target=${device}`);
        await page.getByRole('button', { name: 'Download CSV' }).click();
      }),
    ]);
    expect(download.suggestedFilename()).toBe('rock-mac-audit.csv');
    const stream = await download.createReadStream();
    const text = (await stream.toArray()).map(String).join('');
    expect(text.split('\n').filter((line) => line.includes(device))).toHaveLength(1);
  });

  test('a change that was not committed when the audit was opened appears in it, and none appears twice', async () => {
    const device = (name: string) => `${name}-${String(Date.now())}`;
    const [late, early] = [device('late'), device('early')];
    let page: Page | undefined;
    const row = (text: string) => (page ?? expect.fail()).locator('tbody tr', { hasText: text });
    await ledger.db.transaction(async (slow) => {
      await allocate(slow, 'experiment', [aRequest({ key: late, pool: 'experiment', device: { id: late } })], {
        leaseSeconds: LEASE_SECONDS,
      });
      await allocate(ledger.db, 'large', [aRequest({ key: early, pool: 'large', device: { id: early } })], {
        leaseSeconds: LEASE_SECONDS,
      });
      ({ page } = await open('#/audit'));
      await row(early).waitFor();
    });
    await row(late).waitFor({ timeout: 5_000 });
    expect(await row(early).count()).toBe(1);
  });

  describe('actions', () => {
    test('a device is reserved and released, and each dialog shows the command before', async () => {
      const { page, errors } = await open('#/pools');
      const pool = page.locator('.pool', { hasText: 'large' }).last();
      await pool.scrollIntoViewIfNeeded();
      await pool.getByRole('button', { name: 'Reserve…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Device').fill('gate way');
      await expect.poll(() => dialog.textContent()).toContain(`rock-mac reserve -p large -d 'gate way'`);
      expect(await accessibilityViolations(page)).toEqual([]);
      await dialog.getByRole('button', { name: 'Reserve' }).click();
      await expect.poll(() => dialog.textContent()).toMatch(/a4:58:0f:1\w:\w\w:\w\w is reserved for gate way/);
      const [mac = ''] = /a4(:\w\w){5}/.exec((await dialog.textContent()) ?? '') ?? [];
      await dialog.getByRole('button', { name: 'Close' }).click();

      await page.goto(`${served.origin}/#/address/${mac}`);
      await page.getByRole('button', { name: 'Release…' }).click();
      await expect.poll(() => dialog.textContent()).toContain(`rock-mac release ${mac} --force`);
      await dialog.getByRole('button', { name: 'Release' }).click();
      await expect.poll(() => dialog.textContent()).toContain(`${mac} is released`);
      await dialog.getByRole('button', { name: 'Close' }).click();
      await page.locator('.timeline li').nth(1).waitFor();
      expect(errors).toEqual([]);
    });

    test('a pool is paused, resumed and grown, unless a cluster defines it', async () => {
      const { page, errors } = await open('#/pools');
      const pool = page.locator('.pool').filter({ has: page.getByRole('heading', { name: 'large' }) });
      await pool.scrollIntoViewIfNeeded();
      const dialog = page.getByRole('dialog');
      const act = async (button: string, command: string, result: string) => {
        await pool.getByRole('button', { name: `${button}…` }).click();
        await expect.poll(() => dialog.textContent()).toContain(command);
        await dialog.getByRole('button', { name: button, exact: true }).click();
        await expect.poll(() => dialog.textContent()).toContain(result);
        await dialog.getByRole('button', { name: 'Close' }).click();
      };
      const stored = () =>
        ledger.sql(`select paused, rock_mac.to_mac(last) as last from rock_mac.pools where name = 'large'`);
      await act('Pause', 'rock-mac pool pause large', 'Paused: pool large hands out nothing.');
      expect(await stored()).toMatchObject([{ paused: true }]);
      await pool.getByText('paused', { exact: true }).waitFor();
      await act('Resume', 'rock-mac pool resume large', 'Resumed: pool large hands out addresses.');
      await act('Grow', 'rock-mac pool grow large --last a4:58:0f:20:00:ff', 'a4:58:0f:20:00:ff');
      expect(await stored()).toEqual([{ paused: false, last: 'a4:58:0f:20:00:ff' }]);
      expect(errors).toEqual([]);

      await ledger.sql(
        `update rock_mac.pools set cluster_id = (select min(cluster_id) from rock_mac.clusters) where name = 'large'`,
      );
      onTestFinished(() =>
        ledger.sql(`update rock_mac.pools set cluster_id = null where name = 'large'`).then(() => undefined),
      );
      await page.reload();
      await pool.scrollIntoViewIfNeeded();
      await pool.getByRole('button', { name: 'Reserve…' }).waitFor();
      expect(await pool.getByRole('button', { name: /Pause|Grow/ }).count()).toBe(0);
    });

    test('a login that only reads sees everything and no button', async () => {
      const { page } = await open('#/pools', { of: readOnly });
      await page.locator('.pool').first().waitFor();
      await settled(page);
      expect(await page.locator('.actions button').count()).toBe(0);
    });
  });

  test('a hostile name is text: it runs nothing, and its hidden characters are named', async () => {
    const [result] = await allocate(
      ledger.db,
      'large',
      [aRequest({ key: 'hostile', pool: 'large', device: { id: 'plain' } })],
      { leaseSeconds: LEASE_SECONDS },
    );
    if (result?.outcome !== 'allocated') throw new Error('not allocated');
    // The ledger refuses such a name, so the row gets it past its functions.
    await ledger.sql('update rock_mac.addresses set device_id = $1 where holder_key = $2', [HOSTILE, 'hostile']);
    await ledger
      .sql('update rock_mac.audit_log set device_id = $1 where holder_key = $2', [HOSTILE, 'hostile'])
      .catch(() => undefined);
    const { page, errors } = await open(`#/address/${result.mac}`);
    const holder = page.locator('.facts dd').first();
    await expect.poll(() => holder.textContent()).toBe('<img src=x onerror=alert(1)>U+202Eexe.cod');
    await open(`#/search?q=${encodeURIComponent('<img')}`).then(async (found) => {
      await found.page.locator('.hits li').first().waitFor();
      expect(await found.page.locator('main img').count()).toBe(0);
    });
    expect(await page.locator('main img').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  describe.each([1_280, 390])('a name or metadata of any size, %d pixels wide,', (width) => {
    const LONG = 'M'.repeat(253);

    test('stays in its place, also in a dialog', async () => {
      const key = `long-${String(width)}`;
      const [result] = await allocate(
        ledger.db,
        'large',
        [aRequest({ key, pool: 'large', device: { id: key }, metadata: { [LONG]: LONG, blob: 'x'.repeat(20_000) } })],
        { leaseSeconds: LEASE_SECONDS },
      );
      if (result?.outcome !== 'allocated') throw new Error('not allocated');
      const marks = `Z${'\u0301'.repeat(200)}`;
      await ledger.sql('update rock_mac.addresses set device_id = $1, requester = $3 where holder_key = $2', [
        LONG,
        key,
        marks,
      ]);
      const { page, errors } = await open(`#/address/${result.mac}`, { width });
      const tooWide = (element: string) => page.evaluate(`${element}.scrollWidth - ${element}.clientWidth`);
      const facts = page.locator('.facts');
      await facts.waitFor();
      expect(await facts.textContent()).toContain('+196 marks');
      expect(await facts.locator('details summary').textContent()).toMatch(/^x{100}… 20,000 characters$/);
      expect(await tooWide('document.documentElement')).toBe(0);
      await page.getByRole('button', { name: 'Release…' }).click();
      await page.locator('dialog .effects').waitFor();
      expect(await tooWide('document.querySelector("dialog")')).toBe(0);
      expect(errors).toEqual([]);
    });
  });

  test('a ledger that is away is reported, and the page recovers by itself', async () => {
    const { page } = await open('#/pools');
    await page.locator('.pool').first().waitFor();
    await proxy.cut();
    onTestFinished(() => proxy.heal());
    await page.locator('.banner-text').waitFor({ timeout: 20_000 });
    expect(await page.locator('.pool').count()).toBeGreaterThan(0);
    await proxy.heal();
    await page.locator('.banner-text').waitFor({ state: 'detached', timeout: 20_000 });
  });

  test('another port of the machine gets the cookie, which opens nothing', async () => {
    const { page } = await open('#/pools');
    await page.locator('.pool').first().waitFor();
    const cookies: string[] = [];
    const thief = createServer((request, response) => {
      cookies.push(request.headers.cookie ?? '');
      response
        .setHeader('Content-Type', 'text/html')
        .end('<script>document.title = JSON.stringify(localStorage)</script>');
    });
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void thief.close());
    const { port } = thief.address() as AddressInfo;
    const other = await page.context().newPage();
    await other.goto(`http://127.0.0.1:${String(port)}/`);
    expect(await other.title()).toBe('{}');
    expect(cookies[0]).toMatch(/rock-mac-\d+=/);
    const stolen = await fetch(`${served.origin}/api/about`, { headers: { Cookie: cookies[0] ?? '' } });
    expect(stolen.status).toBe(401);
  });

  test('a page that is loaded again, and a second tab, go on with the session', async () => {
    const { page } = await open('#/pools');
    await page.locator('.pool').first().waitFor();
    await page.reload();
    await page.locator('.pool').first().waitFor();
    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Clusters' }).click({ modifiers: ['ControlOrMeta'] }),
    ]);
    await tab.getByRole('heading', { level: 2, name: 'Ledger' }).waitFor();
  });

  test('a new link begins a session in the tab of an older one', async () => {
    const { page } = await open('#/pools');
    await page.locator('.pool').first().waitFor();
    await page.evaluate('localStorage.clear()'); // as if the program had been started again on this port
    await page.goto(served.url());
    await expect.poll(() => page.evaluate('localStorage.length')).toBe(1);
    await expect.poll(() => page.url()).not.toContain('token');
    await page.locator('.pool').first().waitFor();
    await expect.poll(() => page.locator('.banner-text').count()).toBe(0);
  });

  test('a link works once, and another browser sees nothing', async () => {
    const link = served.url();
    const first = await openPage(browser, { ...served, url: () => link }, '#/pools');
    onTestFinished(() => first.close());
    await first.page.locator('.pool').first().waitFor();
    expect(first.page.url()).not.toContain('token');
    const second = await openPage(browser, { ...served, url: () => link }, '#/pools');
    onTestFinished(() => second.close());
    await expect.poll(() => second.page.locator('.banner').textContent()).toContain('Each link works once');
    expect(await second.page.locator('.pool').count()).toBe(0);
  });

  test('nothing in all of this was a fault of the program', () => {
    expect([...served.logged, ...readOnly.logged]).toEqual([]);
  });
});

/** Waits until everything that a page loads at first is there. */
async function settled(page: Page): Promise<void> {
  // The audit always waits for more.
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => undefined);
  await page.locator('.loading').first().waitFor({ state: 'detached' });
  await page.waitForTimeout(300);
}

/** Returns the picture of the map, to compare it. */
async function colours(page: Page): Promise<string> {
  return String(await page.evaluate(`document.querySelector('canvas').toDataURL()`));
}
