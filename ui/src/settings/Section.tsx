/** One thing that can be set: what it is at the left, its fields at the right. */
import type { ComponentChildren } from 'preact';
import { t } from '../i18n/index.ts';
import type { Saving } from './save.ts';

interface Props {
  title: string;
  why: string;
  children: ComponentChildren;
}

export function Section({ title, why, children }: Props) {
  return (
    <section class="setting">
      <div class="setting-what">
        <h2>{title}</h2>
        <p class="muted">{why}</p>
      </div>
      <div class="setting-how">{children}</div>
    </section>
  );
}

/** Save, and what came of it. */
export function SaveLine({ saving, isChanged }: { saving: Saving; isChanged: boolean }) {
  return (
    <p class="form-acts">
      <button type="submit" class="is-first" disabled={saving.isBusy || !isChanged}>
        {t('form.save')}
      </button>
      <Told saving={saving} />
    </p>
  );
}

export function Told({ saving }: { saving: Saving }) {
  return (
    <span role="status" class={saving.fault ? 'form-fault' : 'muted'}>
      {saving.fault ?? (saving.isSaved ? t('form.saved') : '')}
    </span>
  );
}
