/** Each metric: how its values are shown, and what makes them true. */

import { useSignal } from '@preact/signals';
import { changeDevice, getTopicsOf } from '../api/settings.ts';
import type { Device, Metric } from '../api/types.ts';
import { metricTitle } from '../chart/hue.ts';
import { TextField } from '../components/Field.tsx';
import { Unit } from '../components/Unit.tsx';
import { formatNumber } from '../format/number.ts';
import { t, word } from '../i18n/index.ts';
import { ruleOfTopic } from '../rules/editing.ts';
import { usePoll } from '../state/poll.ts';
import { withKept } from '../state/url.ts';
import { Calibrations } from './Calibrations.tsx';
import { lineWords } from './calibration.ts';
import { SaveLine, Section } from './Section.tsx';
import { useSaving } from './save.ts';
import { unitsLike } from './units.ts';

export function Metrics({ device }: { device: Device }) {
  return (
    <Section title={t('set.metrics')} why={t('set.metrics_why')}>
      {device.metrics.length === 0 && <p class="muted">{t('set.metrics_none')}</p>}
      {device.metrics.map((metric) => (
        <OneMetric key={metric.name} device={device} metric={metric} />
      ))}
    </Section>
  );
}

function OneMetric({ device, metric }: { device: Device; metric: Metric }) {
  const isOpen = useSignal(false);
  const facts = [
    metric.unit_source !== 'none' && word('unit_from', metric.unit_source),
    metric.own_unit && sentWords(metric),
    metric.calibration && lineWords(metric.calibration, (value) => formatNumber(value)),
  ];
  const isNumber = metric.kind !== 'state' && metric.kind !== 'text';
  return (
    <details
      class="setting-metric"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>
        <span class="setting-metric-name">{metricTitle(metric)}</span>
        <Unit metric={metric} />
        <span class="muted">{facts.filter(Boolean).join(' · ')}</span>
      </summary>
      {isOpen.value && !isNumber && <p class="muted">{t('set.no_number')}</p>}
      {isOpen.value && isNumber && <Display device={device} metric={metric} />}
      {isOpen.value && isNumber && <Calibrations device={device} metric={metric} />}
    </details>
  );
}

const isAssumed = ({ unit, unit_source }: Metric) => Boolean(unit) && unit_source === 'assumed';

function sentWords(metric: Metric): string {
  const unit = metric.own_unit ?? metric.unit ?? '';
  return t(isAssumed(metric) ? 'set.unit_assumed' : 'set.unit_hint', { unit });
}

const topicsMs = 60_000;

/** What to do where the device means another unit than the one that is assumed. */
function OtherUnit({ device, metric }: { device: string; metric: string }) {
  const { data } = usePoll(device, () => getTopicsOf(device), topicsMs);
  const found = data?.find((item) => item.metrics.includes(metric));
  if (!found) return <p class="form-hint">{t('set.unit_else', { rule: t('set.unit_rule') })}</p>;
  const [before, after] = t('set.unit_else').split('{rule}');
  const { topic, rule } = found;
  return (
    <p class="form-hint">
      {before}
      <a
        href={withKept(`/topics?${new URLSearchParams({ topic })}`)}
        onClick={(event) => {
          // In another window the topic is shown, and the rule is opened from there.
          if (!event.ctrlKey && !event.metaKey && !event.shiftKey) void ruleOfTopic(topic, rule);
        }}
      >
        {t('set.unit_rule')}
      </a>
      {after}
    </p>
  );
}

const digitsMost = 10;

function Display({ device, metric }: { device: Device; metric: Metric }) {
  const saving = useSaving();
  const known = {
    unit: metric.display?.unit ?? '',
    precision: String(metric.display?.precision ?? ''),
  };
  const typed = useSignal<Partial<typeof known>>({});
  const shown = { ...known, ...typed.value };
  const digits = shown.precision.trim() === '' ? null : Number(shown.precision);
  const isWrong =
    digits !== null && !(Number.isInteger(digits) && digits >= 0 && digits <= digitsMost);
  const isChanged = shown.unit.trim() !== known.unit || shown.precision.trim() !== known.precision;
  const set = (name: keyof typeof known) => (value: string) => {
    typed.value = { ...typed.value, [name]: value };
    saving.forget();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isWrong) return;
    const display = { unit: shown.unit.trim() || null, precision: digits };
    const body = { metrics: { [metric.name]: display } };
    if (await saving.save(() => changeDevice(device, body))) typed.value = {};
  };
  const id = `display-${metric.name}`;
  return (
    <form class="form" onSubmit={submit}>
      <h3>{t('set.display')}</h3>
      <div class="form-fields">
        {metric.unit && (
          <TextField
            id={`${id}-unit`}
            label={t('set.unit')}
            hint={sentWords(metric)}
            value={shown.unit}
            input={{ placeholder: metric.own_unit ?? metric.unit, list: `${id}-units` }}
            set={set('unit')}
          />
        )}
        <TextField
          id={`${id}-digits`}
          label={t('set.precision')}
          hint={t('set.precision_hint')}
          fault={isWrong ? t('set.precision_wrong') : null}
          value={shown.precision}
          input={{ inputMode: 'numeric' }}
          set={set('precision')}
        />
      </div>
      {isAssumed(metric) && <OtherUnit device={device.key} metric={metric.name} />}
      <datalist id={`${id}-units`}>
        {unitsLike(metric.own_unit ?? metric.unit ?? '').map((unit) => (
          <option key={unit} value={unit} />
        ))}
      </datalist>
      <SaveLine saving={saving} isChanged={isChanged && !isWrong} />
    </form>
  );
}
