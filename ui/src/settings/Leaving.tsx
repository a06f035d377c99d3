/** Out of the way: archive, ignore, merge into another device, delete. */

import { useSignal } from '@preact/signals';
import { hearAgain } from '../api/putAway.ts';
import {
  changeDevice,
  deleteDevice,
  type Going,
  getGoing,
  ignoreSender,
  mergeDevice,
} from '../api/settings.ts';
import type { Device } from '../api/types.ts';
import { AskByName } from '../components/AskByName.tsx';
import { Field, tied } from '../components/Field.tsx';
import { formatCount } from '../format/number.ts';
import { formatTime } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';
import { devices, failureText, loadDevices } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { undoable } from '../state/undo.ts';
import { devicePath, go, withKept } from '../state/url.ts';
import { Section, Told } from './Section.tsx';
import { useSaving } from './save.ts';

type Asked = { kind: 'delete'; going: Going } | { kind: 'merge'; into: string } | null;

export function Leaving({ device }: { device: Device }) {
  const asked = useSignal<Asked>(null);
  const close = () => {
    asked.value = null;
  };
  const leave = async (path: string) => {
    close();
    await loadDevices();
    go(withKept(path));
  };
  const state = asked.value;
  return (
    <Section title={t('set.leaving')} why={t('set.leaving_why')}>
      <Archive device={device} />
      {device.new && <Ignore device={device} leave={leave} />}
      <Merge
        device={device}
        ask={(into) => {
          asked.value = { kind: 'merge', into };
        }}
      />
      <Delete
        device={device}
        ask={(going) => {
          asked.value = { kind: 'delete', going };
        }}
      />
      {state?.kind === 'delete' && (
        <AskByName
          title={t('set.delete_title', { name: device.name })}
          name={device.key}
          act={t('set.delete')}
          perform={async () => {
            await deleteDevice(device);
            offerUndo('set.deleted', device);
            await leave('/');
          }}
          close={close}
        >
          <p>{goingWords(state.going)}</p>
          <p class="muted">{t('set.delete_why')}</p>
        </AskByName>
      )}
      {state?.kind === 'merge' && (
        <AskByName
          title={t('set.merge_title', { name: device.name, into: nameOf(state.into) })}
          name={device.key}
          act={t('set.merge')}
          perform={async () => {
            await mergeDevice(device.key, state.into);
            await leave(devicePath(state.into));
          }}
          close={close}
        >
          <p>{t('set.merge_sure', { into: nameOf(state.into) })}</p>
        </AskByName>
      )}
    </Section>
  );
}

/** Told on the page that comes next. */
function offerUndo(words: 'set.deleted' | 'set.ignored', { key, name }: Device): void {
  undoable.value = { words: t(words, { name }), undo: () => hearAgain(key) };
}

const nameOf = (key: string) => devices.value.data?.find((one) => one.key === key)?.name ?? key;

function goingWords({ readings, first, last }: Going): string {
  const count = plural('set.going', readings, { n: formatCount(readings) });
  if (typeof first !== 'number' || typeof last !== 'number') return count;
  const day = (time: number) =>
    `${formatTime(time, 'date', zone.value)} ${formatTime(time, 'year', zone.value)}`;
  const [from, to] = [day(first), day(last)];
  return `${count} ${from === to ? t('set.going_day', { day: from }) : t('set.going_span', { from, to })}`;
}

function Archive({ device }: { device: Device }) {
  const saving = useSaving();
  const isArchived = device.archived ?? false;
  return (
    <div class="setting-act">
      <p>{t(isArchived ? 'set.archived_why' : 'set.archive_why')}</p>
      <button
        type="button"
        disabled={saving.isBusy}
        onClick={() => saving.save(() => changeDevice(device, { archived: !isArchived }))}
      >
        {t(isArchived ? 'set.unarchive' : 'set.archive')}
      </button>
      <Told saving={saving} />
    </div>
  );
}

function Ignore({ device, leave }: { device: Device; leave: (path: string) => Promise<void> }) {
  const saving = useSaving();
  const ignore = async () => {
    const done = await saving.save(async () => {
      await ignoreSender(device.key);
      return null;
    });
    if (!done) return;
    offerUndo('set.ignored', device);
    await leave('/');
  };
  return (
    <div class="setting-act">
      <p>{t('set.ignore_why')}</p>
      <button type="button" disabled={saving.isBusy} onClick={ignore}>
        {t('set.ignore')}
      </button>
      <Told saving={saving} />
    </div>
  );
}

function Merge({ device, ask }: { device: Device; ask: (into: string) => void }) {
  const into = useSignal('');
  const others = (devices.value.data ?? [])
    .filter((one) => one.key !== device.key)
    .sort((a, b) => a.name.localeCompare(b.name));
  if (others.length === 0) return null;
  return (
    <form
      class="form setting-act"
      onSubmit={(event) => {
        event.preventDefault();
        if (into.value) ask(into.value);
      }}
    >
      <Field id="set-merge" label={t('set.merge_into')} hint={t('set.merge_why')}>
        <select
          {...tied({ id: 'set-merge', hint: 'is', fault: null })}
          value={into.value}
          onChange={(event) => {
            into.value = event.currentTarget.value;
          }}
        >
          <option value="">{t('set.choose')}</option>
          {others.map((one) => (
            <option key={one.key} value={one.key}>
              {one.name === one.key ? one.key : `${one.name} (${one.key})`}
            </option>
          ))}
        </select>
      </Field>
      <button type="submit" disabled={into.value === ''}>
        {t('set.merge')}
      </button>
    </form>
  );
}

function Delete({ device, ask }: { device: Device; ask: (going: Going) => void }) {
  const why = useSignal<string | null>(null);
  const begin = async () => {
    try {
      ask(await getGoing(device.key));
      why.value = null;
    } catch (error) {
      why.value = failureText(error);
    }
  };
  return (
    <div class="setting-act">
      <p>{t('set.delete_how')}</p>
      <button type="button" class="is-final" onClick={begin}>
        {t('set.delete')}
      </button>
      {why.value && (
        <span role="alert" class="form-fault">
          {why.value}
        </span>
      )}
    </div>
  );
}
