import { useEffect, useRef, useState } from 'preact/hooks';
import type { ActionPlan, ActionResult } from '../../api/console.ts';
import { CallError } from '../shared/client.ts';
import { useConsole } from '../shared/context.ts';
import { CommandLine } from '../shared/copy.tsx';
import { Name } from '../shared/name.tsx';
import { Failure, Notice } from '../shared/notice.tsx';
import { useData } from '../shared/use-data.ts';
import { actionOf, type Draft, emptyDraft, type Subject } from './action-draft.ts';
import { actionTitle } from './action-texts.ts';

interface Props extends Subject {
  readonly onClose: (isDone: boolean) => void;
}

/** Asks for what an action needs, shows the command, the manifest and the effects, and does it when the user agrees. */
export function ActionDialog({ onClose, ...current }: Props) {
  const { client } = useConsole();
  // What the person saw when the dialog opened. The page goes on and may know a newer state.
  const [subject] = useState<Subject>(current);
  const { kind, pool, mac } = subject;
  const dialog = useRef<HTMLDialogElement>(null);
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(subject));
  const [isRunning, setRunning] = useState(false);
  const [result, setResult] = useState<ActionResult>();
  const action = actionOf(subject, draft);
  const key = action === undefined || result !== undefined ? undefined : JSON.stringify(action);
  const plan = useData<ActionPlan>(key, () => client.post('/api/plan', action));

  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const run = () => {
    setRunning(true);
    void client
      .post<ActionResult>('/api/act', action)
      .catch((error: unknown): ActionResult => {
        if (!(error instanceof CallError)) throw error;
        return { kind: 'refused', message: error.message };
      })
      .then(setResult)
      .finally(() => {
        setRunning(false);
      });
  };
  const title = actionTitle(kind, pool, mac);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="action-title"
      onClose={() => {
        onClose(result?.kind === 'done');
      }}
    >
      <h2 id="action-title">{title}</h2>
      {result === undefined ? (
        <>
          <Fields subject={subject} draft={draft} onChange={setDraft} />
          <Failure failure={plan.failure} />
          {plan.value === undefined ? null : <Plan plan={plan.value} />}
        </>
      ) : (
        <Notice kind={result.kind === 'done' ? 'info' : 'error'}>
          <Name text={result.message} />
        </Notice>
      )}
      <div class="actions">
        <button type="button" onClick={() => dialog.current?.close()}>
          {result === undefined ? 'Cancel' : 'Close'}
        </button>
        {result === undefined ? (
          <button
            type="button"
            class={`primary ${kind === 'release' ? 'danger' : ''}`}
            disabled={plan.value === undefined || isRunning}
            onClick={run}
          >
            {isRunning ? 'Working…' : title.split(' ')[0]}
          </button>
        ) : null}
      </div>
    </dialog>
  );
}

interface FieldsProps {
  readonly subject: Subject;
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
}

/** The fields of the actions that have some. */
function Fields({ subject: { kind, pool }, draft, onChange }: FieldsProps) {
  const field = (name: keyof Draft, label: string, hint: string) => (
    <label class="field">
      {label}
      <input
        value={draft[name]}
        autoComplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => {
          onChange({ ...draft, [name]: currentTarget.value });
        }}
      />
      <small class="muted">{hint}</small>
    </label>
  );
  if (kind === 'reserve') return field('device', 'Device', 'the name of the device that gets the address');
  if (kind === 'approve') return field('count', 'Addresses', 'the most that may be released, as the condition says');
  if (kind === 'grow') return field('last', 'Last address', `after ${pool.last}, in any notation`);
  return null;
}

function Plan({ plan: { command, yaml, effects } }: { readonly plan: ActionPlan }) {
  return (
    <>
      <h3>What will happen</h3>
      <ul class="effects">
        {effects.map((effect) => (
          <li key={effect}>
            <Name text={effect} />
          </li>
        ))}
      </ul>
      <h3>The same as a command</h3>
      <CommandLine command={command} label="the command" />
      {yaml === undefined ? null : (
        <>
          <h3>The same as a manifest</h3>
          <pre tabIndex={0} role="group" aria-label="the manifest">
            {yaml}
          </pre>
        </>
      )}
    </>
  );
}
