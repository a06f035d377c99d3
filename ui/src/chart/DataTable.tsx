/** The same data as rows, for those who cannot or would rather not read a line. */
import {
  type Digits,
  formatCount,
  formatNumber,
  formatState,
  formatValue,
} from '../format/number.ts';
import { formatTime } from '../format/time.ts';
import type { Zone } from '../format/zone.ts';
import { t } from '../i18n/index.ts';
import type { Plot } from './plot.ts';
import { rowTime } from './scene.ts';

interface Props {
  plot: Plot;
  caption: string;
  zone: Zone;
  sent: Digits;
  isState: boolean;
  /** At most so many rows, evenly spread. */
  limit: number;
}

export function DataTable({ plot, caption, zone, sent, isState, limit }: Props) {
  const rows = pick(plot, limit);
  const isSteps = plot.shape === 'steps';
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? '' : formatNumber(value, sent);
  const single = (i: number) => {
    const value = plot.text[i] ?? null;
    return isState ? formatState(value) : formatValue(value, sent);
  };
  return (
    <table class="data">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{t('table.time')}</th>
          <th scope="col">{t(isSteps ? 'table.avg' : 'table.value')}</th>
          {isSteps && <th scope="col">{t('table.min')}</th>}
          {isSteps && <th scope="col">{t('table.max')}</th>}
          {isSteps && <th scope="col">{t('table.readings')}</th>}
        </tr>
      </thead>
      <tbody>
        {rows.map((i) => (
          <tr key={plot.x[i]}>
            <th scope="row">{formatTime(rowTime(plot, i), 'full', zone)}</th>
            <td>{isSteps ? number(plot.y[i]) : single(i)}</td>
            {isSteps && <td>{number(plot.lo[i])}</td>}
            {isSteps && <td>{number(plot.hi[i])}</td>}
            {isSteps && <td>{formatCount(plot.count[i] ?? 0)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function pick(plot: Plot, limit: number): number[] {
  const filled = [...plot.x.keys()].filter((i) => (plot.count[i] ?? 0) > 0);
  const every = Math.max(1, Math.ceil(filled.length / limit));
  return filled.filter((_, n) => n % every === 0);
}
