/** Whose messages are this device's: topic filters and client ids. */

import { useSignal } from '@preact/signals';
import { changeDevice } from '../api/settings.ts';
import type { Device } from '../api/types.ts';
import { LinesField } from '../components/Field.tsx';
import { t } from '../i18n/index.ts';
import { useUnsaved } from '../state/unsaved.ts';
import { SaveLine, Section } from './Section.tsx';
import { useSaving } from './save.ts';
import { readLines, sameList } from './words.ts';

export function Bindings({ device }: { device: Device }) {
  const saving = useSaving();
  const topics = useSignal<string | null>(null);
  const clients = useSignal<string | null>(null);
  const known = device.clients ?? [];
  const topicsShown = topics.value ?? device.topics.join('\n');
  const clientsShown = clients.value ?? known.join('\n');
  const isChanged =
    !sameList(readLines(topicsShown), device.topics) || !sameList(readLines(clientsShown), known);
  useUnsaved(isChanged);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const body = { topics: readLines(topicsShown), clients: readLines(clientsShown) };
    if (await saving.save(() => changeDevice(device, body))) {
      topics.value = null;
      clients.value = null;
    }
  };
  return (
    <Section title={t('set.bindings')} why={t('set.bindings_why')}>
      <form class="form" onSubmit={submit}>
        <div class="form-fields">
          <LinesField
            id="set-topics"
            label={t('set.topics')}
            hint={t('set.topics_hint')}
            value={topicsShown}
            set={(value) => {
              topics.value = value;
              saving.forget();
            }}
          />
          <LinesField
            id="set-clients"
            label={t('set.clients')}
            hint={t('set.clients_hint')}
            value={clientsShown}
            set={(value) => {
              clients.value = value;
              saving.forget();
            }}
          />
        </div>
        <SaveLine saving={saving} isChanged={isChanged} />
      </form>
    </Section>
  );
}
