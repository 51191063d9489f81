import { useState } from 'preact/hooks';
import { formatDay, formatNumber } from '../shared/format.ts';
import type { Day } from './daily.ts';

const WIDTH = 600;
const LINE_HEIGHT = 72;
const BARS_HEIGHT = 44;
const GAP = 8;
const HEIGHT = LINE_HEIGHT + GAP + BARS_HEIGHT;

/**
 * Shows the days of a pool: a line for what is held, and below it bars for what was handed out (up) and released (down). The
 * day under the pointer is written out; the arrow keys choose a day too.
 */
export function HistoryChart({ days }: { readonly days: readonly Day[] }) {
  const [chosen, setChosen] = useState<number>();
  const last = days.length - 1;
  const day = days[chosen ?? last];
  const [firstDay] = days;
  if (day === undefined || firstDay === undefined) return null;
  const step = WIDTH / days.length;
  const held = days.map((each) => each.held);
  const lowest = Math.min(...held);
  const highest = Math.max(...held, lowest + 1);
  const y = (value: number) => 4 + (LINE_HEIGHT - 8) * (1 - (value - lowest) / (highest - lowest));
  const x = (index: number) => (index + 0.5) * step;
  const line = held.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const most = Math.max(1, ...days.flatMap(({ handedOut, released }) => [handedOut, released]));
  const middle = LINE_HEIGHT + GAP + BARS_HEIGHT / 2;
  const bar = (count: number) => (count === 0 ? 0 : Math.max(1, (count / most) * (BARS_HEIGHT / 2 - 1)));

  const choose = (event: PointerEvent & { readonly currentTarget: Element }) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setChosen(Math.min(last, Math.max(0, Math.floor(((event.clientX - left) / width) * days.length))));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (move === 0) return;
    event.preventDefault();
    setChosen((before = last) => Math.min(last, Math.max(0, before + move)));
  };
  const text = `${formatDay(day.at)}: ${formatNumber(day.held)} held, ${formatNumber(day.handedOut)} handed out, ${formatNumber(day.released)} released`;
  return (
    <figure class="history">
      <div
        class="history-plot"
        role="slider"
        tabIndex={0}
        aria-label={`Last ${String(days.length)} days`}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={chosen ?? last}
        aria-valuetext={text}
        onPointerMove={choose}
        onPointerLeave={() => {
          setChosen(undefined);
        }}
        onKeyDown={onKeyDown}
      >
        <svg viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} preserveAspectRatio="none" aria-hidden="true">
          <polygon
            class="history-area"
            points={`${x(0).toFixed(1)},${String(LINE_HEIGHT)} ${line} ${x(last).toFixed(1)},${String(LINE_HEIGHT)}`}
          />
          <polyline class="history-line" points={line} vector-effect="non-scaling-stroke" />
          <line class="history-axis" x1="0" x2={WIDTH} y1={middle} y2={middle} vector-effect="non-scaling-stroke" />
          {days.map(({ at, handedOut, released }, index) => (
            <g key={at.getTime()} opacity={chosen === undefined || chosen === index ? 1 : 0.45}>
              <rect
                class="history-out"
                x={index * step + step * 0.18}
                width={step * 0.64}
                y={middle - bar(handedOut)}
                height={bar(handedOut)}
              />
              <rect
                class="history-in"
                x={index * step + step * 0.18}
                width={step * 0.64}
                y={middle}
                height={bar(released)}
              />
            </g>
          ))}
          {chosen === undefined ? null : (
            <line
              class="history-cursor"
              x1={x(chosen)}
              x2={x(chosen)}
              y1="0"
              y2={HEIGHT}
              vector-effect="non-scaling-stroke"
            />
          )}
        </svg>
        <span class="history-scale top">{formatNumber(highest)}</span>
        <span class="history-scale bottom">{formatNumber(lowest)}</span>
      </div>
      <figcaption>
        <span>{formatDay(firstDay.at)}</span>
        <span class="history-text">
          <b>{chosen === undefined ? 'Today' : formatDay(day.at)}</b>
          <span class="key line">{formatNumber(day.held)} held</span>
          <span class="key out">{formatNumber(day.handedOut)} handed out</span>
          <span class="key in">{formatNumber(day.released)} released</span>
        </span>
        <span>today</span>
      </figcaption>
    </figure>
  );
}
