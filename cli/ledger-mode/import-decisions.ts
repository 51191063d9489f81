import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { userHome } from './user-home.ts';

const decisionSchema = z.object({
  file: z.string(),
  /** Another ledger needs its own decision. */
  ledgerId: z.string(),
  decision: z.enum(['imported', 'declined']),
  at: z.iso.datetime(),
});

const fileSchema = z.object({ version: z.literal(1), decisions: z.array(decisionSchema) });

type Decision = z.infer<typeof decisionSchema>;

/**
 * Returns the file with the decisions about files of the predecessor. It is beside them and not in the ledger, because
 * several machines with one file each can share a ledger.
 */
function decisionsFile(home: string): string {
  return path.join(home, '.rock', 'import-decisions.json');
}

/** Returns whether a file of the predecessor was imported into this ledger or declined for it. */
export async function readDecision(
  file: string,
  ledgerId: string,
  home = userHome(),
): Promise<Decision['decision'] | undefined> {
  const found = (await readDecisions(home)).find((each) => each.file === file && each.ledgerId === ledgerId);
  return found?.decision;
}

/** Records a decision in place of an earlier one. */
export async function recordDecision(
  { file, ledgerId, decision }: Omit<Decision, 'at'>,
  now = new Date(),
  home = userHome(),
): Promise<void> {
  const others = (await readDecisions(home)).filter((each) => each.file !== file || each.ledgerId !== ledgerId);
  const decisions = [...others, { file, ledgerId, decision, at: now.toISOString() }];
  const target = decisionsFile(home);
  await mkdir(path.dirname(target), { recursive: true });
  const unfinished = `${target}.unfinished`;
  await writeFile(unfinished, `${JSON.stringify({ version: 1, decisions }, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(unfinished, target);
}

/** Returns no decisions for a missing or damaged file: then the user decides again. */
async function readDecisions(home: string): Promise<readonly Decision[]> {
  const text = await readFile(decisionsFile(home), 'utf8').catch(() => '');
  const parsed = fileSchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data.decisions : [];
}
