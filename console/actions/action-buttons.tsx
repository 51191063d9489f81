import { useState } from 'preact/hooks';
import type { ActionKind, AddressDetails, PoolView } from '../../api/console.ts';
import { useConsole } from '../shared/context.ts';
import { useData } from '../shared/use-data.ts';
import { ActionDialog } from './action-dialog.tsx';
import { buttonText } from './action-texts.ts';

interface Subject {
  readonly pool: PoolView;
  /** An address of the pool. Without one, the actions are those of the pool. */
  readonly mac?: string | undefined;
  readonly address?: AddressDetails | undefined;
  readonly onDone: () => void;
}

/** The buttons of what the user may do with a pool or an address: none without a right. */
export function ActionButtons({ pool, mac, address, onDone }: Subject) {
  const { client } = useConsole();
  const [open, setOpen] = useState<ActionKind>();
  const key = `${pool.pool} ${mac ?? ''} ${address?.state ?? ''} ${String(address?.generation ?? '')}`;
  const allowed = useData<ActionKind[]>(key, (signal) => client.get('/api/allowed', { pool: pool.pool, mac }, signal));
  const held = pool.conditions?.some(({ type, status }) => type === 'AutoReleaseHeld' && status === 'True') === true;
  // Nothing waits for an approval while no release is held.
  const kinds = allowed.value?.filter((kind) => kind !== 'approve' || held) ?? [];
  return (
    <>
      {kinds.map((kind) => (
        <button
          key={kind}
          type="button"
          class={kind === 'release' ? 'danger' : ''}
          onClick={() => {
            setOpen(kind);
          }}
        >
          {buttonText(kind, pool)}
        </button>
      ))}
      {open === undefined ? null : (
        <ActionDialog
          kind={open}
          pool={pool}
          mac={mac}
          address={address}
          onClose={(isDone) => {
            setOpen(undefined);
            if (!isDone) return;
            allowed.reload();
            onDone();
          }}
        />
      )}
    </>
  );
}
