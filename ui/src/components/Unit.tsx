/** A unit, with a dotted line under it where it is only assumed. */
import type { Metric } from '../api/types.ts';
import { t } from '../i18n/index.ts';

export function Unit({ metric }: { metric: Pick<Metric, 'unit' | 'unit_source'> }) {
  if (!metric.unit) return null;
  if (metric.unit_source !== 'assumed') return <span class="unit">{metric.unit}</span>;
  return (
    <span class="unit is-assumed" title={t('unit.assumed_why')}>
      {metric.unit}
      <span class="sr-only"> {t('unit.assumed')}</span>
    </span>
  );
}
