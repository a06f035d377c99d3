/** What holds for all rows of a table: how it is parted, how times are written, whose it is. */
import { timeForms } from '../api/imports.ts';
import { CheckField, Field, TextField } from '../components/Field.tsx';
import { t } from '../i18n/index.ts';
import { hasZone, type Table } from './columns.ts';

interface Props {
  table: Table;
  change: (table: Table) => void;
}

const delimiters: [string, 'comma' | 'semicolon' | 'tab' | 'bar'][] = [
  [',', 'comma'],
  [';', 'semicolon'],
  ['\t', 'tab'],
  ['|', 'bar'],
];

export function TableSettings({ table, change }: Props) {
  const set = (part: Partial<Table>) => change({ ...table, ...part });
  const hasDevice = table.columns.some((column) => column.role === 'device');
  return (
    <div class="form-fields">
      {!hasDevice && (
        <TextField
          id="import-device"
          label={t('import.device')}
          hint={t('import.device_hint')}
          value={table.device}
          set={(device) => set({ device })}
        />
      )}
      <Field id="import-form" label={t('import.form')}>
        <select
          id="import-form"
          value={table.form}
          onChange={(event) => {
            const form = timeForms.find((one) => one === event.currentTarget.value);
            if (form) set({ form });
          }}
        >
          {timeForms.map((form) => (
            <option key={form} value={form}>
              {t(`import.form_${form}`)}
            </option>
          ))}
        </select>
      </Field>
      {hasZone(table.form) && (
        <TextField
          id="import-zone"
          label={t('import.zone')}
          hint={t('import.zone_hint')}
          value={table.zone}
          set={(zone) => set({ zone: zone.trim() })}
        />
      )}
      <Field id="import-delimiter" label={t('import.delimiter')}>
        <select
          id="import-delimiter"
          value={table.delimiter}
          onChange={(event) => set({ delimiter: event.currentTarget.value })}
        >
          {delimiters.map(([delimiter, name]) => (
            <option key={name} value={delimiter}>
              {t(`import.by_${name}`)}
            </option>
          ))}
        </select>
      </Field>
      <CheckField
        id="import-header"
        label={t('import.header')}
        value={table.header}
        set={(header) => set({ header })}
      />
      <CheckField
        id="import-comma"
        label={t('import.decimal_comma')}
        value={table.decimalComma}
        set={(decimalComma) => set({ decimalComma })}
      />
    </div>
  );
}
