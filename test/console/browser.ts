import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { RunningConsole } from './console-server.ts';

/** Where Debian's package chromium-headless-shell puts the program, and where others put theirs. */
const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium', '/usr/bin/google-chrome'];

/** The browser of this machine, or why there is none. */
export const CHROMIUM = process.env['ROCK_MAC_CHROMIUM'] ?? PROGRAMS.find((file) => existsSync(file));

/** The name of the skipped tests says what to install. */
export const NO_CHROMIUM = 'needs a browser: apt-get install chromium-headless-shell';

export async function startBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(NO_CHROMIUM);
  // Root has no sandbox. The pages are ours.
  return await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
}

/** A page with a session of its own, and everything that went wrong in it. */
export interface OpenPage {
  readonly page: Page;
  /** Errors of scripts, of the Content Security Policy, and failed requests to other hosts. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** Opens a page of the console, such as `#/pools`. */
export async function openPage(
  browser: Browser,
  console: Pick<RunningConsole, 'url' | 'origin'>,
  hash = '',
  { width = 1_280, height = 860, theme = 'light' }: PageOptions = {},
): Promise<OpenPage> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: 'en-GB',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // The browser itself writes a line for each response of 4xx and 5xx; the page reports these.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      errors.push(message.text());
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== console.origin) errors.push(`a request to ${request.url()}`);
  });
  await page.goto(console.url());
  await page.locator('header').waitFor(); // by then the link has become a session
  if (hash !== '') await page.goto(`${console.origin}/${hash}`);
  return { page, errors, close: () => context.close() };
}

/** Returns what hinders people with readers of screens or weak eyes: the rule and the elements. */
export async function accessibilityViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[]>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((result) => result.violations)`,
  );
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${help}\n${html}\n${failureSummary}`),
  );
}
