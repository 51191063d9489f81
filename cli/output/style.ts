import type { Terminal } from '../terminal.ts';

/** Steps of use, the same as those of the alerts. */
const WARNING_PERCENT = 75;
const DANGER_PERCENT = 90;

const CODES = { red: 31, green: 32, yellow: 33, dim: 2 } as const;
type Colour = keyof typeof CODES;

/** A text in a colour, where the reader wants colours. */
export function paint({ colours }: Pick<Terminal, 'colours'>, colour: Colour, text: string): string {
  return colours ? `\x1b[${String(CODES[colour])}m${text}\x1b[0m` : text;
}

const BAR_WIDTH = 20;

/** How full something is, as a bar with its percentage; any use at all shows. */
export function bar(terminal: Pick<Terminal, 'colours'>, percent: number): string {
  const cells = percent <= 0 ? 0 : Math.min(BAR_WIDTH, Math.max(1, Math.round((percent / 100) * BAR_WIDTH)));
  const colour = percent >= DANGER_PERCENT ? 'red' : percent >= WARNING_PERCENT ? 'yellow' : 'green';
  const rest = paint(terminal, 'dim', '░'.repeat(BAR_WIDTH - cells));
  return `${paint(terminal, colour, '█'.repeat(cells))}${rest} ${percent.toFixed(percent < 10 ? 1 : 0)}%`;
}
