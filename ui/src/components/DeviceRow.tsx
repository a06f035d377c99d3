/** One device of the overview: who it is and how it does, then its values with a day behind each. */
import { useComputed } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { seriesName } from '../api/live.ts';
import type { Device, Metric, Status } from '../api/types.ts';
import { digitsOf, hueOf, metricTitle } from '../chart/hue.ts';
import { formatState, formatValue, toNumber } from '../format/number.ts';
import { formatAge, formatStep } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import { sparks, wantSpark } from '../state/sparks.ts';
import { hasReadings, lastHeardAt } from '../state/status.ts';
import { devicePath, withKept } from '../state/url.ts';
import { DemoBadge } from './DemoBadge.tsx';
import { NewMark } from './NewMark.tsx';
import { penHeight, Spark } from './Spark.tsx';
import { StatusMark } from './StatusMark.tsx';
import { Unit } from './Unit.tsx';

/** More metrics than this are told by their number; the device's page has them all. */
export const metricsShown = 8;
const longFrom = 8;
/** A sparkline that covers less says so. */
const usualSpan = 86_400_000;

interface Props {
  device: Device;
  status: Status;
  /** Which row of how many it is, where not all are there. */
  place: { at: number; of: number } | null;
  /** While devices are chosen for a change of many. */
  choice: { isChosen: boolean; set: (isChosen: boolean, isRange: boolean) => void } | null;
}

export function DeviceRow({ device, status, place, choice }: Props) {
  const shown = device.metrics.slice(0, metricsShown);
  const more = device.metrics.length - shown.length;
  return (
    <li
      class={`device status-of-${status}${choice?.isChosen ? ' is-chosen' : ''}`}
      {...(place && { 'aria-posinset': place.at, 'aria-setsize': place.of })}
    >
      <div class="device-head">
        {choice && (
          <label class="choose">
            <input
              type="checkbox"
              checked={choice.isChosen}
              aria-label={t('choose.one', { name: device.name })}
              onClick={(event) => choice.set(event.currentTarget.checked, event.shiftKey)}
            />
          </label>
        )}
        <h2>
          <a href={withKept(devicePath(device.key))}>{device.name}</a>
        </h2>
        <p class="device-state">
          <StatusMark status={status} hasReadings={hasReadings(device)} />
          <HeardAge device={device} />
        </p>
        {device.name !== device.key && <p class="device-key">{device.key}</p>}
        {device.new && <NewMark device={device} />}
        {device.demo && <DemoBadge demo={device.demo} />}
      </div>
      <ul class="metrics">
        {shown.map((metric) => (
          <MetricCell key={metric.name} device={device.key} metric={metric} />
        ))}
        {more > 0 && <li class="metric-more">{plural('overview.more_metrics', more)}</li>}
      </ul>
    </li>
  );
}

function HeardAge({ device }: { device: Device }) {
  const words = useComputed(() => {
    const at = lastHeardAt(device, latest.value);
    return at === null ? '' : formatAge(now.value - at);
  });
  return <span class="age">{words}</span>;
}

function MetricCell({ device, metric }: { device: string; metric: Metric }) {
  const cell = useRef<HTMLLIElement>(null);
  const name = seriesName({ device, metric: metric.name });
  const newest = useComputed(() => latest.value.get(name)).value;
  useSparkWhileVisible(cell, device, metric);
  const spark = useComputed(() => sparks.value.get(name) ?? null).value;
  const young =
    spark && spark.span.to - spark.span.from < usualSpan ? spark.span.to - spark.span.from : 0;
  const isState = metric.kind === 'state' || typeof newest?.v === 'boolean';
  const text = newest
    ? isState
      ? formatState(newest.v)
      : formatValue(newest.v, digitsOf(metric))
    : '–';
  const top = penHeight(spark, toNumber(newest?.v)) ?? 0.5;
  const style = { top: `${Math.min(0.72, Math.max(0.3, 0.3 + 0.7 * top)) * 100}%` };
  return (
    <li class="metric" data-hue={hueOf(metric)} ref={cell}>
      <span class="metric-name">
        {metricTitle(metric)}
        {young > 0 && <span class="metric-span">{formatStep(young)}</span>}
      </span>
      <Spark spark={spark} newest={newest} />
      <span
        class={`metric-value quality-${newest?.q ?? 0}${text.length > longFrom ? ' is-long' : ''}`}
        style={style}
      >
        <span class="figure">{text}</span> <Unit metric={metric} />
      </span>
    </li>
  );
}

function useSparkWhileVisible(
  cell: { current: HTMLElement | null },
  device: string,
  metric: Metric,
) {
  useEffect(() => {
    const element = cell.current;
    if (!element) return;
    let leave: (() => void) | null = null;
    const watching = new IntersectionObserver((entries) => {
      leave?.();
      const wish = { series: { device, metric: metric.name }, metric };
      leave = entries.at(-1)?.isIntersecting ? wantSpark(wish) : null;
    });
    watching.observe(element);
    return () => {
      watching.disconnect();
      leave?.();
    };
  }, [device, metric.name]);
}
