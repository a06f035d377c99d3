/** The overview before the first message: a listening line, and what to send. */
import { t } from '../i18n/index.ts';
import { about, totalBook } from '../state/fleet.ts';
import { CopyLine } from './CopyLine.tsx';
import { ListeningLine } from './ListeningLine.tsx';

const reading = `'{"temperature":21.5,"humidity":48}'`;
const topic = 'home/kitchen/climate';

export function NothingHeard() {
  const mqtt = about.value.data?.mqtt[0];
  const http = about.value.data?.http[0] ?? location.origin;
  const received = totalBook.value?.messages.received ?? 0;
  return (
    <section class="nothing">
      <h1>{t('nothing.title')}</h1>
      <ListeningLine received={received} />
      <p>{mqtt ? t('nothing.listening', { address: mqtt }) : t('nothing.waiting')}</p>
      {mqtt && <CopyLine line={ownLine(mqtt)} label={t('nothing.by_cli')} />}
      {mqtt && <CopyLine line={mosquittoLine(mqtt)} label={t('nothing.by_mqtt')} />}
      <CopyLine
        line={`curl -d ${reading} ${http}/api/v1/ingest/${topic}`}
        label={t('nothing.by_http')}
      />
    </section>
  );
}

/** Our own program takes the address of an MQTT server as host and port. */
function ownLine(address: string): string {
  return `sensorium publish --mqtt ${address.replace(/^mqtts?:\/\//, '')} ${topic} ${reading}`;
}

function mosquittoLine(address: string): string {
  const url = URL.parse(address.replace(/^mqtts?:/, 'http:'));
  const port = url?.port || '1883';
  return `mosquitto_pub -h ${url?.hostname ?? 'localhost'} -p ${port} -q 1 -t ${topic} -m ${reading}`;
}
