/** The readings that a message says, each with how sure it is. */
import type { TraceReading } from '../api/topics.ts';
import { toValue } from '../api/types.ts';
import { hueOf } from '../chart/hue.ts';
import { formatValue } from '../format/number.ts';
import { formatTime } from '../format/time.ts';
import { t, word } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { zone } from '../state/prefs.ts';
import { devicePath, withKept } from '../state/url.ts';
import { Unit } from './Unit.tsx';

interface Props {
  readings: readonly TraceReading[];
  label: string;
  /** Where the readings are only tried, their devices need not exist. */
  isTrial?: boolean;
}

export function ReadingsTable({ readings, label, isTrial }: Props) {
  const devices = [...new Set(readings.map((reading) => reading.device))];
  return (
    <table class="said" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{t('said.metric')}</th>
          <th scope="col">{t('said.value')}</th>
          <th scope="col">{t('said.time')}</th>
        </tr>
      </thead>
      {devices.map((device) => (
        <tbody key={device}>
          <tr>
            <th scope="rowgroup" colSpan={3} class="said-device">
              {isTrial ? device : <a href={withKept(devicePath(device))}>{device}</a>}
            </th>
          </tr>
          {readings
            .filter((reading) => reading.device === device)
            .map((reading) => (
              <tr key={`${reading.metric} ${reading.t}`}>
                <td>{reading.metric}</td>
                <ValueCell reading={reading} />
                <td>
                  <TimeOf reading={reading} />
                </td>
              </tr>
            ))}
        </tbody>
      ))}
    </table>
  );
}

function ValueCell({ reading }: { reading: TraceReading }) {
  const { rejected, flaw } = reading;
  const hue = hueOf({ name: reading.metric, unit: reading.unit ?? null });
  return (
    <td class={`quality-${rejected ? 2 : reading.q}`} data-hue={hue}>
      {rejected ? (
        <span class="muted">{t('said.rejected', { reason: word('flaw', rejected) })}</span>
      ) : (
        <>
          <span class="figure">{formatValue(toValue(reading.v))}</span>{' '}
          <Unit metric={{ unit: reading.unit ?? null, unit_source: reading.unit_source }} />
        </>
      )}
      {flaw && <span class="muted"> {word('flaw', flaw)}</span>}
    </td>
  );
}

/** Beyond what a `Date` holds there is no ISO form. */
function isoOf(time: number): string | undefined {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A time of another year is told with its year. */
function longTime(time: number): string {
  if (isoOf(time) === undefined) return t('said.no_date', { ms: time });
  const [year, here] = [time, now.value].map((one) => formatTime(one, 'year', zone.value));
  if (year === here) return formatTime(time, 'full', zone.value);
  return `${formatTime(time, 'date', zone.value)} ${year} ${formatTime(time, 'second', zone.value)}`;
}

function TimeOf({ reading }: { reading: TraceReading }) {
  if (reading.t === null || reading.t === undefined) {
    return <span class="is-assumed">{t('said.on_arrival')}</span>;
  }
  const time = <time dateTime={isoOf(reading.t)}>{longTime(reading.t)}</time>;
  if (!reading.disbelieved) return time;
  return (
    <>
      <s>{time}</s> <span class="muted">{t('said.disbelieved')}</span>
    </>
  );
}
