/** A device that is in no list: archived, or unknown. */
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { ask } from '../api/client.ts';
import { devicesVersion } from '../api/live.ts';
import type { Device, DevicePage } from '../api/types.ts';
import { Failure } from '../components/Failure.tsx';
import words from '../i18n/en.absent.json';
import { addWords, t } from '../i18n/index.ts';
import { usePoll } from '../state/poll.ts';
import { learnShown } from '../state/shown.ts';
import { withKept } from '../state/url.ts';

addWords(words);

const pollMs = 5000;

/** The device of that key, also when it is archived. */
async function find(key: string): Promise<Device[]> {
  const query = { q: key, archived: 'true', limit: 1000 };
  const { items } = await ask<DevicePage>('/devices', { query });
  return items.filter((one) => one.key === key).map(learnShown);
}

interface Props {
  name: string;
  View: ComponentType<{ device: Device }>;
}

export function Absent({ name, View }: Props) {
  const { data, failure, again } = usePoll(name, () => find(name), pollMs);
  // Its page changes it by way of the list, which does not hold it: read it when that may be.
  useEffect(() => void again(), [devicesVersion.value]);
  const device = data?.[0];
  if (device) return <View key={name} device={device} />;
  if (failure) {
    return (
      <div class="page">
        <Failure what={t('devices.failed')} why={failure} again={again} />
      </div>
    );
  }
  if (!data) return <div class="page progress" role="status" aria-label={t('progress')} />;
  return (
    <div class="page">
      <h1>{t('device.unknown')}</h1>
      <p>{t('device.unknown_why', { key: name })}</p>
      <p>
        <a href={withKept('/')}>{t('nav.to_overview')}</a>
      </p>
    </div>
  );
}
