import { useEffect, useRef, useState } from 'preact/hooks';
import type { SearchHit } from '../../api/console.ts';
import { useConsole } from '../shared/context.ts';
import { hashOf } from '../shared/route.ts';
import { useData } from '../shared/use-data.ts';
import { Hit } from './hit-list.tsx';

const SHOWN = 8;

/** The box for everything: it has the focus first, `/` leads to it, and results appear while one types. */
export function SearchBox({ shown }: { readonly shown: string | undefined }) {
  const { client } = useConsole();
  const [text, setText] = useState(shown ?? '');
  const [isOpen, setOpen] = useState(false);
  const [selected, setSelected] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const wanted = text.trim();
  const hits = useData<SearchHit[]>(isOpen && wanted !== '' ? wanted : undefined, (signal) =>
    client.get('/api/search', { q: wanted, limit: SHOWN }, signal),
  );
  const items = hits.value ?? [];

  useEffect(() => {
    input.current?.focus();
    const onKey = (event: KeyboardEvent) => {
      const { target } = event;
      const isTyping = target instanceof HTMLElement && target.matches('input, select, textarea, dialog *');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
    };
  }, []);
  const close = () => {
    setOpen(false);
    setSelected(-1);
  };
  useEffect(() => {
    if (shown === undefined) return;
    setText(shown);
    close(); // the page has all results
  }, [shown]);

  const go = (hash: string) => {
    close();
    location.hash = hash;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // The habit of pressing it first must not become a part of the text.
    if (event.key === '/' && text === '') event.preventDefault();
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && items.length > 0) {
      event.preventDefault();
      setSelected((before) => ((before + step + items.length + 1 + 1) % (items.length + 1)) - 1);
    } else if (event.key === 'Enter' && wanted !== '') {
      const hit = items[selected];
      go(hit === undefined ? hashOf({ page: 'search', text: wanted }) : hashOf({ page: 'address', mac: hit.mac }));
    } else if (event.key === 'Escape') close();
  };
  const isShown = isOpen && hits.value !== undefined;
  return (
    <div class="search" role="search">
      <input
        ref={input}
        id="search"
        type="text"
        role="combobox"
        aria-label="Search addresses, devices, pods, machines, claims, namespaces, clusters and metadata"
        aria-expanded={isShown}
        aria-controls="search-results"
        aria-autocomplete="list"
        aria-activedescendant={selected >= 0 ? `hit-${String(selected)}` : undefined}
        placeholder="Search an address, device, pod, claim…"
        autoComplete="off"
        spellcheck={false}
        maxLength={200}
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          setSelected(-1);
          setOpen(true);
        }}
        onFocus={() => {
          if (text !== shown) setOpen(true);
        }}
        onBlur={close}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <ul id="search-results" role="listbox" aria-label="Results" hidden={!isShown}>
        {items.map((hit, index) => (
          <li
            key={hit.mac}
            id={`hit-${String(index)}`}
            role="option"
            aria-selected={index === selected}
            onMouseDown={(event) => {
              event.preventDefault(); // the box keeps the focus until the click
              go(hashOf({ page: 'address', mac: hit.mac }));
            }}
          >
            <Hit hit={hit} />
          </li>
        ))}
        {items.length === 0 ? (
          <li role="option" aria-selected={false} aria-disabled="true" class="muted">
            Nothing is found for this text.
          </li>
        ) : null}
      </ul>
    </div>
  );
}
