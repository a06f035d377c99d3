/** How a device is doing: a ring that is full, half or empty, and always a word. */
import type { Status } from '../api/types.ts';
import { t } from '../i18n/index.ts';

const radius = 5;

interface Props {
  status: Status;
  /** It has readings, though perhaps only such as were brought in from a table. */
  hasReadings?: boolean;
}

export function StatusMark({ status, hasReadings }: Props) {
  return (
    <span class={`status status-${status}`}>
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
        <circle
          cx="7"
          cy="7"
          r={radius}
          class={status === 'never_seen' ? 'ring is-dotted' : 'ring'}
        />
        {status === 'online' && <circle cx="7" cy="7" r={radius} class="fill" />}
        {status === 'sleeping' && <path d="M7 4.5a2.5 2.5 0 1 0 2.5 2.5" class="ring" />}
        {status === 'stale' && <path d="M7 2a5 5 0 0 0 0 10z" class="fill" />}
      </svg>
      {t(status === 'never_seen' && hasReadings ? 'status.never_live' : `status.${status}`)}
    </span>
  );
}
