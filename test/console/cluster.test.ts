import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { clusterMode } from '../../cli/cluster-mode/mode.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile } from '../integration/installed-env.ts';
import { accessibilityViolations, CHROMIUM, NO_CHROMIUM, openPage, startBrowser } from './browser.ts';
import { type RunningConsole, serve } from './console-server.ts';

/*
 * The console of `kubectl rock-mac dashboard` in a real installation. root is the administrator, ada may read the whole ledger and
 * patch no pool, and dev may only use claims of the default namespace.
 */

describe.skipIf(CHROMIUM === undefined)(`the console of a cluster (${CHROMIUM ?? NO_CHROMIUM})`, () => {
  const installed = installedEnvOfThisFile();
  let browser: Browser;
  const served: RunningConsole[] = [];

  beforeAll(async () => {
    const { plane } = installed();
    browser = await startBrowser();
    await plane.kubectl(['create', 'rolebinding', 'dev', '--clusterrole=edit', '--user=dev']);
    await plane.kubectl(['create', 'clusterrolebinding', 'ada', '--clusterrole=rock-mac-auditor', '--user=ada']);
    await eventually(() => plane.kubectl(['get', 'pools.ledger.mac.rock-os.io']), { within: 60_000 });
    // A cluster changes only pools that it defines.
    const spec = { first: 'a4:58:0f:10:00:00', last: 'a4:58:0f:10:00:ff', reuseDelay: '1h' };
    const lab = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'lab' }, spec };
    await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(lab) });
    await plane.kubectl(['wait', '--for=condition=Ready', 'macpool/lab', '--timeout=60s']);
  });

  afterAll(async () => {
    await browser.close();
    for (const each of served) await each.close();
    expect(served.flatMap(({ logged }) => logged)).toEqual([]);
  });

  async function open(user: string, hash: string) {
    const { plane } = installed();
    const kubeconfig = user === 'root' ? plane.kubeconfig : await plane.userKubeconfig(user);
    const options = { kubeconfig, namespace: 'default', timeout: '30s', requestTimeout: '10s' };
    const console = await serve(await clusterMode.openConsole(options, () => undefined));
    served.push(console);
    const opened = await openPage(browser, console, hash);
    onTestFinished(() => opened.close());
    return { ...opened, origin: console.origin };
  }

  test('an administrator pauses and resumes a pool, and sees the manifest before', async () => {
    const { plane } = installed();
    const { page, errors } = await open('root', '#/pools');
    const pool = page.locator('.pool').filter({ has: page.getByRole('heading', { name: 'lab' }) });
    await pool.scrollIntoViewIfNeeded(); // a card has its buttons once somebody has come near it
    await pool.getByRole('button', { name: 'Pause…' }).click();
    const dialog = page.getByRole('dialog');
    await expect.poll(() => dialog.textContent()).toContain('kubectl rock-mac pool pause lab');
    await expect.poll(() => dialog.locator('pre').textContent()).toContain('kind: MacPool');
    expect(await accessibilityViolations(page)).toEqual([]);
    const paused = () => plane.kubectl(['get', 'macpool', 'lab', '-o', 'jsonpath={.spec.paused}']);
    expect(await paused()).not.toBe('true');
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => dialog.textContent()).toContain('Paused: pool lab hands out nothing.');
    expect(await paused()).toBe('true');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await pool.getByRole('button', { name: 'Resume…' }).click({ timeout: 20_000 });
    await dialog.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(() => dialog.textContent()).toContain('Resumed: pool lab hands out addresses.');
    expect(errors).toEqual([]);
  });

  test('pods appear in the audit while they are created', async () => {
    const { plane } = installed();
    const { page } = await open('ada', '#/audit');
    await page.getByText('Follow new changes').waitFor();
    await page.waitForTimeout(500);
    for (const name of ['watched-1', 'watched-2']) {
      await plane.kubectl(['apply', '-f', '-'], { input: aPod(name, { networks: '[{"name":"blue"}]' }) });
      await page
        .locator('tr.new', { hasText: `Pod/default/${name}` })
        .first()
        .waitFor({ timeout: 20_000 });
    }
  });

  test('an auditor sees pools, clusters and seals, and may change nothing', async () => {
    const { page, origin } = await open('ada', '#/pools');
    await page.locator('.pool').first().waitFor();
    await page.waitForTimeout(1_000);
    expect(await page.locator('.actions button').count()).toBe(0);
    expect(await page.locator('.notice.warning').count()).toBe(0);
    await page.goto(`${origin}/#/clusters`);
    await page.getByRole('heading', { level: 2, name: 'Ledger' }).waitFor();
    await expect.poll(() => page.locator('.clusters section').count()).toBeGreaterThan(0);
  });

  test('a user without the read API sees the own claims with a note, and releases one', async () => {
    const { plane } = installed();
    await plane.kubectl(['apply', '-f', '-'], {
      input: aClaim('mine', { pool: 'development', device: { id: 'my-vm' } }),
    });
    const mac = await eventually(async () => {
      const found = await plane.kubectl(['get', 'macallocation', 'mine', '-o', 'jsonpath={.status.mac}']);
      if (found === '') throw new Error('no address yet');
      return found;
    });
    const { page, origin, errors } = await open('dev', '#/pools');
    await page.locator('.notice.warning').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('my-vm');
    await expect.poll(() => page.getByRole('option').first().textContent()).toContain(mac);
    await page.goto(`${origin}/#/address/${mac}`);
    await page.getByRole('button', { name: 'Release…' }).click();
    const dialog = page.getByRole('dialog');
    await expect.poll(() => dialog.textContent()).toContain(`kubectl rock-mac release ${mac} -n default`);
    await dialog.getByRole('button', { name: 'Release' }).click();
    await expect.poll(() => dialog.textContent(), { timeout: 30_000 }).toContain(`${mac} is released`);
    await page.goto(`${origin}/#/audit`);
    await page.locator('.notice.warning').first().waitFor();
    expect(errors).toEqual([]);
  });
});
