/** Facts about a device in words. */
import type { DeviceHealth } from '../api/settings.ts';
import { formatCount, formatNumber } from '../format/number.ts';
import { formatDuration } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';

export interface Fact {
  name: string;
  value: string;
  more?: string;
}

type Words = Pick<Fact, 'value' | 'more'>;

/** "3 of 1,204 (0.2 %)"; a share that rounds to nothing is not called nothing. */
export function rateWords(part: number, whole: number, percent: number): string {
  if (part === 0) return t('health.none_of', { whole: formatCount(whole) });
  const share = percent < 0.1 ? '< 0.1' : formatNumber(percent, 1);
  return t('health.part_of', {
    part: formatCount(part),
    whole: formatCount(whole),
    percent: share,
  });
}

export function lossWords(loss: DeviceHealth['loss'] | null): Words {
  if (!loss) return { value: t('health.unknown'), more: t('health.loss_unknown') };
  const more =
    loss.restarts > 0
      ? plural('health.restarts', loss.restarts, { n: formatCount(loss.restarts) })
      : '';
  const value =
    loss.expected === 0
      ? t('health.unknown')
      : rateWords(loss.missing, loss.expected, loss.percent);
  return { value, more };
}

/** Nearer than this, a message's way explains it. */
const alikeMs = 2000;

export function clockWords(clock: DeviceHealth['clock']): Words {
  const more =
    clock.bad > 0 ? plural('health.clock_bad', clock.bad, { n: formatCount(clock.bad) }) : '';
  const drift = clock.drift_ms;
  if (typeof drift !== 'number') return { value: t('health.clock_none'), more };
  if (Math.abs(drift) < alikeMs) return { value: t('health.clock_right'), more };
  const duration = formatDuration(Math.abs(drift));
  return { value: t(drift > 0 ? 'health.clock_ahead' : 'health.clock_behind', { duration }), more };
}
