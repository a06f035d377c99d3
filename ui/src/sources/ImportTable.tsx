/** The first rows of a table, and above each column what it means. */
import type { Preview } from '../api/imports.ts';
import { t } from '../i18n/index.ts';
import { type Column, type Role, roles, type Table } from './columns.ts';

interface Props {
  table: Table;
  preview: Preview;
  change: (table: Table) => void;
}

const rowsShown = 6;

export function ImportTable({ table, preview, change }: Props) {
  const set = (at: number, part: Partial<Column>) =>
    change({
      ...table,
      columns: table.columns.map((column, i) => (i === at ? { ...column, ...part } : column)),
    });
  const isLong = table.columns.some((column) => column.role === 'names');
  return (
    <section class="import-table" aria-label={t('import.columns')} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {table.columns.map((column, i) => (
              <th key={`${i}${column.name}`} scope="col" class={`role-${column.role}`}>
                <span class="column-name">{column.name}</span>
                <ColumnFields column={column} isLong={isLong} set={(part) => set(i, part)} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.slice(0, rowsShown).map((row, i) => (
            <tr key={`${i}${row.join()}`}>
              {table.columns.map((column, at) => (
                <td key={`${at}${column.name}`} class={`role-${column.role}`}>
                  {row[at] ?? ''}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface FieldsProps {
  column: Column;
  isLong: boolean;
  set: (part: Partial<Column>) => void;
}

function ColumnFields({ column, isLong, set }: FieldsProps) {
  const { name } = column;
  return (
    <>
      <select
        aria-label={t('import.role_of', { name })}
        value={column.role}
        onChange={(event) => {
          const role: Role | undefined = roles.find((one) => one === event.currentTarget.value);
          if (role) set({ role });
        }}
      >
        {roles.map((role) => (
          <option key={role} value={role}>
            {t(`import.role_${role}`)}
          </option>
        ))}
      </select>
      {column.role === 'value' && !isLong && (
        <span class="column-names">
          <input
            aria-label={t('import.metric_of', { name })}
            placeholder={t('import.metric')}
            spellcheck={false}
            value={column.metric}
            onInput={(event) => set({ metric: event.currentTarget.value })}
          />
          <input
            aria-label={t('import.unit_of', { name })}
            placeholder={t('import.unit')}
            spellcheck={false}
            value={column.unit}
            onInput={(event) => set({ unit: event.currentTarget.value })}
          />
        </span>
      )}
    </>
  );
}
