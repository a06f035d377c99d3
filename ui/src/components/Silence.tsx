/** Before the first message: where to send one, and the way to a device. */
import { t } from '../i18n/index.ts';
import { about } from '../state/fleet.ts';
import { withKept } from '../state/url.ts';
import { CopyLine } from './CopyLine.tsx';

/** `what`: what the page will show. */
export function Silence({ what }: { what?: string }) {
  const mqtt = about.value.data?.mqtt[0];
  const http = about.value.data?.http[0] ?? location.origin;
  return (
    <section class="silence">
      <h2>{t('nothing.title')}</h2>
      {what && <p>{what}</p>}
      <p class="muted">{mqtt ? t('silence.send_to', { address: mqtt }) : t('nothing.waiting')}</p>
      <CopyLine
        line={`curl -d '{"temperature":21.5}' ${http}/api/v1/ingest/home/kitchen/climate`}
        label={t('nothing.by_http')}
      />
      <p>
        <a href={withKept('/add')}>{t('nav.add')}</a>
      </p>
    </section>
  );
}
