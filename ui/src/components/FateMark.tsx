/** What became of a message: filled where it is charted, empty where it held nothing to chart. */
import { word } from '../i18n/index.ts';
import { fateOf } from '../topics/tree.ts';

const radius = 4.5;

export function FateMark({ outcome, isQuiet }: { outcome: string; isQuiet?: boolean }) {
  const fate = fateOf(outcome);
  const text = word('outcome', outcome);
  return (
    <span class={`fate fate-${fate}`} title={text}>
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
        <circle cx="7" cy="7" r={radius} class={fate === 'unread' ? 'ring is-dotted' : 'ring'} />
        {fate === 'charted' && <circle cx="7" cy="7" r={radius} class="fill" />}
        {fate === 'refused' && <path d="M2.5 11.5l9-9" class="ring" />}
      </svg>
      <span class={isQuiet ? 'sr-only' : undefined}>{text}</span>
    </span>
  );
}
