/** One value of the messages: where it stands, what it is, and what is done with the number. */
import { type Format, type Kind, kinds } from '../api/topics.ts';
import { t } from '../i18n/index.ts';
import type { FieldDraft } from './draft.ts';
import { RuleField, sentenceAt, type Wrongs } from './RuleField.tsx';

const kindChoices: (Kind | '')[] = ['', ...kinds];

interface Props {
  at: number;
  field: FieldDraft;
  format: Format;
  set: (field: FieldDraft) => void;
  remove: () => void;
  wrongs: Wrongs;
}

export function FieldRow({ at, field, format, set, remove, wrongs }: Props) {
  const id = (name: string) => `value-${field.id}-${name}`;
  const member = (name: string) => `fields[${at}].${name}`;
  const change = (part: Partial<FieldDraft>) => set({ ...field, ...part });
  const isCsv = format === 'csv';
  return (
    <fieldset class="value">
      <legend class="sr-only">{t('rules.value_n', { n: at + 1 })}</legend>
      <div class="value-main">
        {format !== 'number' && (
          <RuleField
            id={id('place')}
            label={t(isCsv ? 'rules.column' : 'rules.path')}
            members={[member('path'), member('column')]}
            wrongs={wrongs}
            value={field.place}
            set={(place) => change({ place })}
            placeholder={isCsv ? '2' : 'sensors.temp'}
            isMono
          />
        )}
        <RuleField
          id={id('metric')}
          label={t('rules.metric')}
          members={[member('metric')]}
          wrongs={wrongs}
          value={field.metric}
          set={(metric) => change({ metric })}
          placeholder="temperature"
          list="metric-names"
        />
        <RuleField
          id={id('unit')}
          label={t('rules.unit')}
          members={[member('unit')]}
          wrongs={wrongs}
          value={field.unit}
          set={(unit) => change({ unit })}
          list="unit-names"
        />
        <button
          type="button"
          class="quiet remove"
          aria-label={t('rules.remove_value', { n: at + 1 })}
          onClick={remove}
        >
          ×
        </button>
      </div>
      <More field={field} change={change} id={id} member={member} wrongs={wrongs} />
    </fieldset>
  );
}

interface MoreProps {
  field: FieldDraft;
  change: (part: Partial<FieldDraft>) => void;
  id: (name: string) => string;
  member: (name: string) => string;
  wrongs: Wrongs;
}

function More({ field, change, id, member, wrongs }: MoreProps) {
  const { kind, scale, offset, low, high, bad } = field;
  const wrong = ['kind', 'scale', 'offset', 'valid', 'bad'].some((name) =>
    sentenceAt([member(name)], wrongs),
  );
  const said = summary(field);
  return (
    <details class="value-more" open={wrong || undefined}>
      <summary>
        {t('rules.more')}
        {said && <span class="value-said"> {said}</span>}
      </summary>
      <div class="value-numbers">
        <RuleField
          id={id('scale')}
          label={t('rules.scale')}
          members={[member('scale')]}
          wrongs={wrongs}
          value={scale}
          set={(text) => change({ scale: text })}
          placeholder="1"
        />
        <RuleField
          id={id('offset')}
          label={t('rules.offset')}
          members={[member('offset')]}
          wrongs={wrongs}
          value={offset}
          set={(text) => change({ offset: text })}
          placeholder="0"
        />
        <RuleField
          id={id('low')}
          label={t('rules.low')}
          members={[member('valid')]}
          wrongs={wrongs}
          value={low}
          set={(text) => change({ low: text })}
        />
        <RuleField
          id={id('high')}
          label={t('rules.high')}
          members={[]}
          wrongs={wrongs}
          value={high}
          set={(text) => change({ high: text })}
        />
        <RuleField
          id={id('bad')}
          label={t('rules.bad')}
          members={[member('bad')]}
          wrongs={wrongs}
          value={bad}
          set={(text) => change({ bad: text })}
          placeholder="85, -127"
        />
        <RuleField
          id={id('kind')}
          label={t('rules.kind')}
          members={[member('kind')]}
          wrongs={wrongs}
          value={kind}
          set={(text) => change({ kind: kinds.find((one) => one === text) ?? '' })}
          options={kindChoices.map((one) => (
            <option key={one} value={one}>
              {t(one === '' ? 'rules.kind_told' : `rules.kind_${one}`)}
            </option>
          ))}
        />
      </div>
    </details>
  );
}

/** What stands in the closed part, on its line. */
function summary({ scale, offset, low, high, bad, kind }: FieldDraft): string {
  const parts = [
    scale && `× ${scale}`,
    offset && (offset.startsWith('-') ? `− ${offset.slice(1)}` : `+ ${offset}`),
    (low || high) && `${low || '…'} – ${high || '…'}`,
    bad && t('rules.bad_said', { bad }),
    kind && t(`rules.kind_${kind}`),
  ];
  return parts.filter(Boolean).join(' · ');
}
