import { hashOf } from './route.ts';

/** Shows an address that leads to its page. */
export function MacLink({ mac }: { readonly mac: string }) {
  return (
    <a class="mac" href={hashOf({ page: 'address', mac })}>
      {mac}
    </a>
  );
}
