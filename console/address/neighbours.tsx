import type { Neighbour } from '../../api/console.ts';
import { Name } from '../shared/name.tsx';
import { hashOf } from '../shared/route.ts';
import { STATE_TEXTS } from '../shared/state.tsx';

/** The addresses around one, each with its holder. */
export function Neighbours({ mac, neighbours }: { readonly mac: string; readonly neighbours: readonly Neighbour[] }) {
  return (
    <ol class="neighbours">
      {neighbours.map((each) => (
        <li key={each.mac} class={each.mac === mac ? 'self' : ''}>
          <a href={hashOf({ page: 'address', mac: each.mac })} aria-current={each.mac === mac ? 'true' : undefined}>
            <span class={`dot state-${each.state}`} aria-hidden="true" />
            <span class="mac">{each.mac}</span>
            <span class="neighbour-holder">
              {each.holder === '' ? (
                <span class="muted">{STATE_TEXTS[each.state].label}</span>
              ) : (
                <Name text={each.holder} />
              )}
            </span>
          </a>
        </li>
      ))}
    </ol>
  );
}
