/** The pages, in one line; at the bottom on a phone. What is seldom needed stands behind More. */
import { useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { formatCount } from '../format/number.ts';
import { t } from '../i18n/index.ts';
import { newDevices, unread } from '../state/fleet.ts';
import { type Page, paths, query, route, withKept } from '../state/url.ts';

const first: Page[] = ['overview', 'inbox', 'topics', 'sources'];
const more: Page[] = ['add'];

export function Navigation({ has }: { has: (page: Page) => boolean }) {
  const behind = more.filter(has);
  return (
    <nav class="nav" aria-label={t('nav.label')}>
      {first.filter(has).map((page) => (
        <PageLink key={page} page={page} />
      ))}
      {behind.length > 0 && <More pages={behind} />}
    </nav>
  );
}

function PageLink({ page }: { page: Page }) {
  const waiting = (unread.value.data?.total ?? 0) + newDevices.value.length;
  return (
    <a href={withKept(paths[page])} aria-current={route.value === page ? 'page' : undefined}>
      {t(`nav.${page}`)}
      {page === 'inbox' && waiting > 0 && (
        <span class="count">
          {formatCount(waiting)}
          <span class="sr-only"> {t('nav.waiting')}</span>
        </span>
      )}
    </a>
  );
}

/** Closes when a page was chosen, and when the focus or a press goes elsewhere. */
function More({ pages }: { pages: Page[] }) {
  const details = useRef<HTMLDetailsElement>(null);
  const close = () => details.current?.removeAttribute('open');
  useSignalEffect(() => {
    if (query.value) close();
  });
  const isHere = pages.some((page) => page === route.value);
  return (
    <details
      class="more"
      ref={details}
      onFocusOut={(event) => {
        const to = event.relatedTarget;
        if (!(to instanceof Node && details.current?.contains(to))) close();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        close();
        details.current?.querySelector('summary')?.focus();
      }}
    >
      <summary class={isHere ? 'is-here' : undefined}>{t('nav.more')}</summary>
      <div class="more-pages">
        {pages.map((page) => (
          <PageLink key={page} page={page} />
        ))}
      </div>
    </details>
  );
}
