/** The topic filters of a broker, one a line, each with the most that its messages are worth. */

import { t } from '../i18n/index.ts';
import type { Draft } from './draft.ts';

type Filters = Draft['filters'];

interface Props {
  id: string;
  filters: Filters;
  fault: string | null;
  set: (filters: Filters) => void;
}

const filtersMost = 64;

export function FilterFields({ id, filters, fault, set }: Props) {
  const change = (at: number, next: Partial<Filters[number]>) =>
    set(filters.map((one, i) => (i === at ? { ...one, ...next } : one)));
  return (
    <fieldset class="filters" aria-describedby={`${id}-hint`}>
      <legend>{t('broker.filters')}</legend>
      {filters.map((one, i) => (
        // Lines have no name of their own: they are told by their place.
        <p class="filter-line" key={i}>
          <input
            aria-label={t('broker.filter_label', { n: i + 1 })}
            aria-describedby={fault ? `${id}-fault` : undefined}
            aria-invalid={fault ? true : undefined}
            data-member={i === 0 ? 'filters' : undefined}
            autocomplete="off"
            spellcheck={false}
            value={one.filter}
            onInput={(event) => change(i, { filter: event.currentTarget.value })}
          />
          <select
            aria-label={t('broker.qos_label', { n: i + 1 })}
            value={one.qos}
            onChange={(event) => change(i, { qos: Number(event.currentTarget.value) })}
          >
            <option value={1}>{t('broker.qos_1')}</option>
            <option value={0}>{t('broker.qos_0')}</option>
          </select>
          {filters.length > 1 && (
            <button
              type="button"
              class="quiet"
              aria-label={t('broker.filter_drop_label', { filter: one.filter || i + 1 })}
              onClick={() => set(filters.filter((_, at) => at !== i))}
            >
              {t('broker.filter_drop')}
            </button>
          )}
        </p>
      ))}
      {fault && (
        <p id={`${id}-fault`} class="form-fault" role="alert">
          {fault}
        </p>
      )}
      <p id={`${id}-hint`} class="form-hint">
        {t('broker.filters_hint')}
      </p>
      {filters.length < filtersMost && (
        <button type="button" onClick={() => set([...filters, { filter: '', qos: 1 }])}>
          {t('broker.filter_add')}
        </button>
      )}
    </fieldset>
  );
}
