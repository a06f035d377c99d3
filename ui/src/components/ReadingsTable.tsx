/** The readings that a message says, each with how sure it is. */
import type { TraceReading } from '../api/topics.ts';
import { toValue } from '../api/types.ts';
import { hueOf } from '../chart/hue.ts';
import { formatValue } from '../format/number.ts';
import { formatTime } from '../format/time.ts';
import { t, word } from '../i18n/index.ts';
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

function TimeOf({ reading }: { reading: TraceReading }) {
  if (reading.t === null || reading.t === undefined) {
    return <span class="is-assumed">{t('said.on_arrival')}</span>;
  }
  return (
    <time dateTime={new Date(reading.t).toISOString()}>
      {formatTime(reading.t, 'full', zone.value)}
    </time>
  );
}
