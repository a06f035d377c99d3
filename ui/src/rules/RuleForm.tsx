/** The form of a rule: which topics, how they are written, and which values they hold. */
import { formats, type TimeUnit, timeUnits } from '../api/topics.ts';
import { t } from '../i18n/index.ts';
import { devices } from '../state/fleet.ts';
import { type Draft, emptyField, type FieldDraft } from './draft.ts';
import { FieldRow } from './FieldRow.tsx';
import { RuleField, type Wrongs } from './RuleField.tsx';

const timeChoices: (TimeUnit | '')[] = ['', ...timeUnits];

interface Props extends Wrongs {
  draft: Draft;
  set: (draft: Draft) => void;
}

export function RuleForm({ draft, set, mistakes, problem }: Props) {
  const wrongs = { mistakes, problem };
  const change = (part: Partial<Draft>) => set({ ...draft, ...part });
  return (
    <>
      <RuleField
        id="rule-match"
        label={t('rules.match')}
        members={['match']}
        wrongs={wrongs}
        value={draft.match}
        set={(match) => change({ match })}
        hint={t('rules.match_hint')}
        placeholder="greenhouse/{device}/data"
        isMono
      />
      <div class="field-line">
        <RuleField
          id="rule-format"
          label={t('rules.format')}
          members={['format']}
          wrongs={wrongs}
          value={draft.format}
          set={(text) => change({ format: formats.find((one) => one === text) ?? 'auto' })}
          options={formats.map((format) => (
            <option key={format} value={format}>
              {t(`rules.format_${format}`)}
            </option>
          ))}
        />
        <RuleField
          id="rule-name"
          label={t('rules.name')}
          members={['name']}
          wrongs={wrongs}
          value={draft.name}
          set={(name) => change({ name })}
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.routeOnly}
          onChange={(event) => change({ routeOnly: event.currentTarget.checked })}
        />
        {t('rules.route_only')}
      </label>
      {!draft.routeOnly && (
        <>
          <Values draft={draft} change={change} wrongs={wrongs} />
          <DeviceAndTime draft={draft} change={change} wrongs={wrongs} />
        </>
      )}
    </>
  );
}

interface PartProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  wrongs: Wrongs;
}

/** From which number places are counted. */
function counting({ format }: Draft): string | null {
  switch (format) {
    case 'csv':
      return t('rules.columns_count');
    case 'auto':
    case 'json':
    case 'cbor':
      return t('rules.paths_count');
    case 'number':
    case 'line_protocol':
    case 'senml':
    case 'form':
      return null;
  }
}

function Values({ draft, change, wrongs }: PartProps) {
  const replace = (at: number, field: FieldDraft) =>
    change({ fields: draft.fields.map((one, i) => (i === at ? field : one)) });
  const all = (devices.value.data ?? []).flatMap((device) => device.metrics);
  const names = [...new Set(all.map((metric) => metric.name))].slice(0, 200);
  const units = [...new Set(all.map((metric) => metric.unit).filter(Boolean))];
  return (
    <fieldset class="values">
      <legend>{t('rules.values')}</legend>
      {draft.fields.length === 0 && <p class="form-hint">{t('rules.values_none')}</p>}
      {draft.fields.length > 0 && counting(draft) && <p class="form-hint">{counting(draft)}</p>}
      {draft.fields.map((field, i) => (
        <FieldRow
          key={field.id}
          at={i}
          field={field}
          format={draft.format}
          set={(next) => replace(i, next)}
          remove={() => change({ fields: draft.fields.filter((_, at) => at !== i) })}
          wrongs={wrongs}
        />
      ))}
      <button type="button" onClick={() => change({ fields: [...draft.fields, emptyField()] })}>
        {t('rules.add_value')}
      </button>
      <datalist id="metric-names">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <datalist id="unit-names">
        {units.map((unit) => (
          <option key={unit} value={unit ?? ''} />
        ))}
      </datalist>
    </fieldset>
  );
}

function DeviceAndTime({ draft, change, wrongs }: PartProps) {
  const isCsv = draft.format === 'csv';
  const isSet = draft.devicePath || draft.deviceFallback || draft.timePath || draft.serverTime;
  return (
    <details class="device-time" open={Boolean(isSet)}>
      <summary>{t('rules.device_time')}</summary>
      <div class="field-line">
        <RuleField
          id="rule-device-path"
          label={t(isCsv ? 'rules.device_column' : 'rules.device_path')}
          members={['device.path', 'device']}
          wrongs={wrongs}
          value={draft.devicePath}
          set={(devicePath) => change({ devicePath })}
          isMono
        />
        <RuleField
          id="rule-device-fallback"
          label={t('rules.device_fallback')}
          members={['device.fallback']}
          wrongs={wrongs}
          value={draft.deviceFallback}
          set={(deviceFallback) => change({ deviceFallback })}
          placeholder="greenhouse/{device}"
          isMono
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.serverTime}
          onChange={(event) => change({ serverTime: event.currentTarget.checked })}
        />
        {t('rules.server_time')}
      </label>
      {!draft.serverTime && (
        <div class="field-line is-three">
          <RuleField
            id="rule-time-path"
            label={t(isCsv ? 'rules.time_column' : 'rules.time_path')}
            members={['time.path', 'time']}
            wrongs={wrongs}
            value={draft.timePath}
            set={(timePath) => change({ timePath })}
            isMono
          />
          <RuleField
            id="rule-time-unit"
            label={t('rules.time_unit')}
            members={['time.unit']}
            wrongs={wrongs}
            value={draft.timeUnit}
            set={(text) => change({ timeUnit: timeUnits.find((one) => one === text) ?? '' })}
            options={timeChoices.map((unit) => (
              <option key={unit} value={unit}>
                {t(unit === '' ? 'rules.time_told' : `rules.time_${unit}`)}
              </option>
            ))}
          />
          <RuleField
            id="rule-time-zone"
            label={t('rules.time_zone')}
            members={['time.zone']}
            wrongs={wrongs}
            value={draft.timeZone}
            set={(timeZone) => change({ timeZone })}
            placeholder={Intl.DateTimeFormat().resolvedOptions().timeZone}
          />
        </div>
      )}
    </details>
  );
}
