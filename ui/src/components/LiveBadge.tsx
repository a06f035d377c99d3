/** Whether what is on screen is the present: a word, a shape, and an age when it matters. */
import { computed } from '@preact/signals';
import { type LinkState, linkState, retryNow } from '../api/live.ts';
import { formatCoarse } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import type { Range } from '../state/range.ts';
import { query, route } from '../state/url.ts';

export type BadgeKind = 'live' | 'paused' | 'history' | 'connecting' | 'offline';

/** A fixed range that ends so close to now is a paused view of the present. */
const presentMs = 120_000;
const ageFromMs = 2000;

export function badgeKind(link: LinkState, range: Range | null, time: number): BadgeKind {
  if (link === 'offline') return 'offline';
  if (range?.kind === 'fixed') return range.to > time - presentMs ? 'paused' : 'history';
  return link === 'open' ? 'live' : 'connecting';
}

const newestTime = computed(() => {
  // A device's page tells the age of that device, the others that of the whole fleet.
  const prefix = route.value === 'device' ? `${query.value.get('key')}/` : '';
  let newest = 0;
  for (const [name, reading] of latest.value) {
    const counts = name.startsWith(prefix) && reading.t <= now.value + 1000;
    if (counts && reading.t > newest) newest = reading.t;
  }
  return newest;
});

interface Props {
  range: Range | null;
  toLive: (() => void) | null;
}

export function LiveBadge({ range, toLive }: Props) {
  const kind = badgeKind(linkState.value, range, now.value);
  const age = now.value - newestTime.value;
  const shows =
    kind === 'live' && newestTime.value > 0 && Math.floor(age / 1000) * 1000 > ageFromMs;
  const words = (
    <>
      <svg viewBox="0 0 14 14" width="12" height="12" aria-hidden="true">
        <BadgeShape kind={kind} />
      </svg>
      <span>{t(`badge.${kind}`)}</span>
      {shows && <span class="badge-age">{formatCoarse(age)}</span>}
    </>
  );
  const act =
    kind === 'offline' ? retryNow : kind === 'paused' || kind === 'history' ? toLive : null;
  if (!act) return <span class={`badge badge-${kind}`}>{words}</span>;
  const label = t(kind === 'offline' ? 'badge.offline_label' : 'badge.to_live', {
    word: t(`badge.${kind}`),
  });
  return (
    <button type="button" class={`badge badge-${kind}`} aria-label={label} onClick={act}>
      {words}
    </button>
  );
}

function BadgeShape({ kind }: { kind: BadgeKind }) {
  switch (kind) {
    case 'live':
      return <circle cx="7" cy="7" r="5.5" class="fill" />;
    case 'paused':
      return <path d="M3 2h3v10H3zM8 2h3v10H8z" class="fill" />;
    case 'history':
      return <path d="M7 1.5a5.5 5.5 0 1 1-5.2 3.7M7 4v3.4l2.4 1.5M1.3 1.8v3.6h3.6" class="line" />;
    case 'connecting':
      return <path d="M7 1.5a5.5 5.5 0 0 1 0 11" class="line" />;
    case 'offline':
      return <path d="M2.5 2.5l9 9M11.5 2.5l-9 9" class="line" />;
  }
}
