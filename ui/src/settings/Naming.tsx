/** Name, place, group and tags. */

import { useSignal } from '@preact/signals';
import { changeDevice } from '../api/settings.ts';
import type { Device } from '../api/types.ts';
import { TextField } from '../components/Field.tsx';
import { t } from '../i18n/index.ts';
import { devices } from '../state/fleet.ts';
import { useUnsaved } from '../state/unsaved.ts';
import { SaveLine, Section } from './Section.tsx';
import { useSaving } from './save.ts';
import { readTags, sameList } from './words.ts';

export function Naming({ device }: { device: Device }) {
  const saving = useSaving();
  const typed = useSignal<Partial<Record<'name' | 'place' | 'group' | 'tags', string>>>({});
  const known = {
    name: device.name === device.key ? '' : device.name,
    place: device.place ?? '',
    group: device.group ?? '',
    tags: device.tags.join(', '),
  };
  const shown = { ...known, ...typed.value };
  const isChanged =
    shown.name.trim() !== known.name ||
    shown.place.trim() !== known.place ||
    shown.group.trim() !== known.group ||
    !sameList(readTags(shown.tags), device.tags);
  useUnsaved(isChanged);
  const set = (name: keyof typeof known) => (value: string) => {
    typed.value = { ...typed.value, [name]: value };
    saving.forget();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const { name, place, group } = shown;
    const body = { name, place, group, tags: readTags(shown.tags) };
    if (await saving.save(() => changeDevice(device, body))) typed.value = {};
  };
  return (
    <Section title={t('set.naming')} why={t('set.naming_why', { key: device.key })}>
      <form class="form" onSubmit={submit}>
        <div class="form-fields">
          <TextField
            id="set-name"
            label={t('set.name')}
            value={shown.name}
            input={{ placeholder: device.key }}
            set={set('name')}
          />
          <TextField
            id="set-place"
            label={t('set.place')}
            value={shown.place}
            input={{ list: 'set-places' }}
            set={set('place')}
          />
          <TextField
            id="set-group"
            label={t('set.group')}
            value={shown.group}
            input={{ list: 'set-groups' }}
            set={set('group')}
          />
          <TextField
            id="set-tags"
            label={t('set.tags')}
            hint={t('set.tags_hint')}
            value={shown.tags}
            set={set('tags')}
          />
        </div>
        <Choices id="set-places" of={(one) => one.place} />
        <Choices id="set-groups" of={(one) => one.group} />
        <SaveLine saving={saving} isChanged={isChanged} />
      </form>
    </Section>
  );
}

/** What other devices have, to choose from. */
function Choices({ id, of }: { id: string; of: (one: Device) => string | null | undefined }) {
  const all = new Set((devices.value.data ?? []).flatMap((one) => of(one) ?? []));
  return (
    <datalist id={id}>
      {[...all].sort().map((one) => (
        <option key={one} value={one} />
      ))}
    </datalist>
  );
}
