/** Devices that nobody has named yet. */
import type { Device } from '../api/types.ts';
import { metricTitle } from '../chart/hue.ts';
import { HeardSentence } from '../components/HeardList.tsx';
import { NewMark } from '../components/NewMark.tsx';
import { formatCount } from '../format/number.ts';
import { t } from '../i18n/index.ts';
import { heard, newDevices } from '../state/fleet.ts';
import { devicePath, withKept } from '../state/url.ts';

export function NewDevices() {
  const list = newDevices.value;
  return (
    <section id="new">
      <h2>
        {t('inbox.new')} <span class="muted">{formatCount(list.length)}</span>
      </h2>
      <p class="muted">{t(list.length > 0 ? 'inbox.new_why' : 'inbox.new_none')}</p>
      <ul class="rows">
        {list.map((device) => (
          <NewDevice key={device.key} device={device} />
        ))}
      </ul>
    </section>
  );
}

function NewDevice({ device }: { device: Device }) {
  const items = heard.value.data?.filter((item) => item.device === device.key).slice(0, 3) ?? [];
  return (
    <li class="row">
      <div>
        <h3>
          <a href={withKept(devicePath(device.key))}>{device.name}</a>
        </h3>
        {items.map((item) => (
          <HeardSentence key={item.topic} item={item} />
        ))}
        {items.length === 0 && (
          <p class="muted">{device.metrics.map((metric) => metricTitle(metric.name)).join(', ')}</p>
        )}
      </div>
      <NewMark device={device} />
    </li>
  );
}
