import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export interface OpenedBrowser {
  /** Removes what the browser was opened with. */
  close(): Promise<void>;
}

const COMMANDS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/**
 * Opens the user's browser, if there is one. The command line of a program is visible to every account of the machine, and
 * the address has a token. So the browser opens a file that only this user can read, which leads to the address.
 */
export async function openBrowser(url: string): Promise<OpenedBrowser> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-')); // mode 0700
  const file = path.join(folder, 'open.html');
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${url}"><a href="${url}">rock-mac</a>\n`;
  await writeFile(file, page, { mode: 0o600 });
  const [command = 'xdg-open', ...args] = COMMANDS[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, pathToFileURL(file).href], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined); // the address is printed too
  child.unref();
  return { close: () => rm(folder, { recursive: true, force: true }) };
}
