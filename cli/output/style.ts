import type { Terminal } from '../terminal.ts';

/** The colours change at the same percentages as the alerts of the chart. */
const WARNING_PERCENT = 75;
const DANGER_PERCENT = 90;

const CODES = { red: 31, green: 32, yellow: 33, dim: 2 } as const;
type Colour = keyof typeof CODES;

/** Returns the text in a colour, or unchanged if colours are off. */
export function paint({ colours }: Pick<Terminal, 'colours'>, colour: Colour, text: string): string {
  return colours ? `\x1b[${String(CODES[colour])}m${text}\x1b[0m` : text;
}

const BAR_WIDTH = 20;

/** Returns a bar of `width` cells with its percentage. Anything above zero shows at least one cell. */
export function bar(terminal: Pick<Terminal, 'colours'>, percent: number, width = BAR_WIDTH): string {
  const cells = percent <= 0 ? 0 : Math.min(width, Math.max(1, Math.round((percent / 100) * width)));
  const colour = percent >= DANGER_PERCENT ? 'red' : percent >= WARNING_PERCENT ? 'yellow' : 'green';
  const rest = paint(terminal, 'dim', '░'.repeat(width - cells));
  return `${paint(terminal, colour, '█'.repeat(cells))}${rest} ${percent.toFixed(percent < 10 ? 1 : 0)}%`;
}
