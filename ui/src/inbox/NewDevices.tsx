/** Devices that nobody has named yet: accepted or ignored one by one, or as many as are marked. */
import { useSignal } from '@preact/signals';
import type { Device } from '../api/types.ts';
import { metricTitle } from '../chart/hue.ts';
import { HeardSentence } from '../components/HeardList.tsx';
import { lazily } from '../components/lazily.tsx';
import { NewMark } from '../components/NewMark.tsx';
import { formatCount } from '../format/number.ts';
import { t } from '../i18n/index.ts';
import { heard, newDevices } from '../state/fleet.ts';
import { devicePath, withKept } from '../state/url.ts';

const Marked = lazily(async () => (await import('./Marked.tsx')).Marked);

export function NewDevices() {
  const list = newDevices.value;
  const marks = useSignal<ReadonlySet<string>>(new Set());
  // What is no longer new is no longer marked.
  const marked = list.map((one) => one.key).filter((key) => marks.value.has(key));
  const mark = (keys: readonly string[], isOn: boolean) => {
    const next = new Set(marked);
    for (const key of keys) isOn ? next.add(key) : next.delete(key);
    marks.value = next;
  };
  return (
    <section id="new">
      <h2>
        {t('inbox.new')} <span class="muted">{formatCount(list.length)}</span>
      </h2>
      <p class="muted">{t(list.length > 0 ? 'inbox.new_why' : 'inbox.new_none')}</p>
      {list.length > 1 && <Marked list={list} marked={marked} mark={mark} />}
      <ul class="rows">
        {list.map((device) => (
          <NewDevice
            key={device.key}
            device={device}
            isMarked={list.length > 1 ? marks.value.has(device.key) : null}
            mark={(isOn) => mark([device.key], isOn)}
          />
        ))}
      </ul>
    </section>
  );
}

interface RowProps {
  device: Device;
  /** Null where it stands alone and there is nothing to mark. */
  isMarked: boolean | null;
  mark: (isOn: boolean) => void;
}

function NewDevice({ device, isMarked, mark }: RowProps) {
  const items = heard.value.data?.filter((item) => item.device === device.key).slice(0, 3) ?? [];
  return (
    <li class={isMarked === null ? 'row' : 'row can-mark'}>
      {isMarked !== null && (
        <label class="check">
          <input
            type="checkbox"
            aria-label={t('inbox.mark', { name: device.name })}
            checked={isMarked}
            onChange={(event) => mark(event.currentTarget.checked)}
          />
        </label>
      )}
      <div>
        <h3>
          <a href={withKept(devicePath(device.key))}>{device.name}</a>
        </h3>
        {items.map((item) => (
          <HeardSentence key={item.topic} item={item} />
        ))}
        {items.length === 0 && (
          <p class="muted">{device.metrics.map((metric) => metricTitle(metric)).join(', ')}</p>
        )}
      </div>
      <NewMark device={device} />
    </li>
  );
}
