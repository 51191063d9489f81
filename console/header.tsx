import { SearchBox } from './search/search-box.tsx';
import { hashOf, type Page, type Route } from './shared/route.ts';
import { ThemeButton } from './theme-button.tsx';

const PAGES: readonly { readonly page: Page; readonly title: string; readonly href: string }[] = [
  { page: 'pools', title: 'Pools', href: hashOf({ page: 'pools' }) },
  { page: 'map', title: 'Map', href: hashOf({ page: 'map' }) },
  { page: 'audit', title: 'Audit', href: hashOf({ page: 'audit', filter: {} }) },
  { page: 'clusters', title: 'Clusters', href: hashOf({ page: 'clusters' }) },
];

export function Header({ route }: { readonly route: Route }) {
  return (
    <header>
      <a class="brand" href={hashOf({ page: 'pools' })}>
        <img src="icon.svg" alt="" width="24" height="24" />
        rock-mac
      </a>
      <nav aria-label="Pages">
        {PAGES.map(({ page, title, href }) => (
          <a key={page} href={href} aria-current={route.page === page ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <SearchBox shown={route.page === 'search' ? route.text : undefined} />
      <ThemeButton />
    </header>
  );
}
