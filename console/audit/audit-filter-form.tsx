import { useState } from 'preact/hooks';
import { type Filter, PERIODS } from './audit-query.ts';

/** The kinds of change that a person looks for. An imported history may have others, which the address of the page can name. */
const ACTIONS = [
  ...['allocate', 'reserve', 'adopt', 'import', 'observe', 'bind', 'transfer', 'release', 'restore', 'orphan'],
  ...['stock', 'keep', 'consume', 'unreachable', 'reachable', 'change'],
];

interface Props {
  readonly filter: Filter;
  readonly pools: readonly string[];
  readonly onChange: (filter: Filter) => void;
}

/** The filters of the audit, as in the command line. They apply at once, texts on Enter or when the field is left. */
export function AuditFilterForm({ filter, pools, onChange }: Props) {
  const [draft, setDraft] = useState(filter);
  const change = (name: string, value: string) => {
    const { [name]: _before, ...rest } = draft;
    const next = value === '' ? rest : { ...rest, [name]: value };
    setDraft(next);
    if (JSON.stringify(next) !== JSON.stringify(filter)) onChange(next);
  };
  const field = (name: string, label: string, placeholder: string) => (
    <label class="field">
      {label}
      <input
        value={draft[name] ?? ''}
        placeholder={placeholder}
        autoComplete="off"
        spellcheck={false}
        onChange={({ currentTarget }) => {
          change(name, currentTarget.value.trim());
        }}
      />
    </label>
  );
  const choice = (name: string, label: string, options: readonly (readonly [string, string])[]) => (
    <label class="field">
      {label}
      <select
        value={draft[name] ?? ''}
        onChange={({ currentTarget }) => {
          change(name, currentTarget.value);
        }}
      >
        <option value="">all</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form
      class="filters-form"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      {field('target', 'Address or device', 'any')}
      {choice(
        'pool',
        'Pool',
        pools.map((pool) => [pool, pool] as const),
      )}
      {choice(
        'action',
        'Action',
        ACTIONS.map((action) => [action, action] as const),
      )}
      {field('actor', 'User or program', 'any')}
      {choice(
        'since',
        'Time',
        PERIODS.map(({ value, label }) => [value, label] as const),
      )}
    </form>
  );
}
