import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { About } from '../api/console.ts';
import { AddressPage } from './address/address-page.tsx';
import { AuditPage } from './audit/audit-page.tsx';
import { Banner } from './banner.tsx';
import { ClustersPage } from './clusters/clusters-page.tsx';
import { Header } from './header.tsx';
import { MapPage } from './map/map-page.tsx';
import { PoolsPage } from './pools/pools-page.tsx';
import { SearchPage } from './search/search-page.tsx';
import { type CallError, createClient } from './shared/client.ts';
import { ConsoleContext } from './shared/context.ts';
import { Name } from './shared/name.tsx';
import { parseRoute, type Route } from './shared/route.ts';
import { beginSession, tokenOf } from './shared/session.ts';
import { useData } from './shared/use-data.ts';

const TICK_MS = 10_000;

export function App() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  const [failure, setFailure] = useState<CallError>();
  const [now, setNow] = useState(() => new Date());
  const main = useRef<HTMLElement>(null);
  const client = useMemo(() => createClient(setFailure), []);
  const about = useData<About>('about', (signal) => client.get('/api/about', {}, signal));

  useEffect(() => {
    const onRoute = () => {
      // A new link in the tab of an older one: the browser does not load the page again by itself.
      if (tokenOf(location.hash) !== undefined) {
        void beginSession().then(() => {
          location.reload();
        });
        return;
      }
      setRoute(parseRoute(location.hash));
      window.scrollTo(0, 0);
      // Readers of screens go on with the new page.
      if (document.activeElement?.id !== 'search') main.current?.focus({ preventScroll: true });
    };
    window.addEventListener('hashchange', onRoute);
    const timer = setInterval(() => {
      setNow(new Date());
    }, TICK_MS);
    return () => {
      window.removeEventListener('hashchange', onRoute);
      clearInterval(timer);
    };
  }, []);

  const console = useMemo(() => ({ client, about: about.value, now }), [client, about.value, now]);
  return (
    <ConsoleContext.Provider value={console}>
      <Header route={route} />
      <Banner failure={failure} />
      <main ref={main} tabIndex={-1} class={`page-${route.page}`}>
        {failure?.status === 401 ? null : <PageOf route={route} />}
      </main>
      <footer>
        {about.value === undefined ? null : (
          <>
            <span>
              {about.value.mode === 'ledger' ? 'Ledger' : 'Cluster'} <Name text={about.value.place} />
            </span>
            <span>
              as <Name text={about.value.user} />
            </span>
            <span>rock-mac {about.value.programVersion}</span>
          </>
        )}
      </footer>
    </ConsoleContext.Provider>
  );
}

function PageOf({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'pools':
      return <PoolsPage />;
    case 'map':
      return <MapPage pool={route.pool} at={route.at} />;
    case 'search':
      return <SearchPage text={route.text} />;
    case 'address':
      return <AddressPage key={route.mac} mac={route.mac} />;
    case 'audit':
      return <AuditPage filter={route.filter} />;
    case 'clusters':
      return <ClustersPage />;
  }
}
