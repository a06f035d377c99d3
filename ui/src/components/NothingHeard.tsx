/** The overview before the first message: a listening line, and what to send. */
import { t } from '../i18n/index.ts';
import { about, totalBook } from '../state/fleet.ts';
import { CopyLine } from './CopyLine.tsx';

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

/** Flat until something comes in; every message that does leaves one step on the paper. */
function ListeningLine({ received }: { received: number }) {
  const steps = Math.min(received, 12);
  let path = 'M0 30';
  for (let i = 0; i < steps; i++) path += `H${200 + i * 28}V${i % 2 === 0 ? 18 : 30}`;
  return (
    <svg class="listening" viewBox="0 0 600 48" role="img" aria-label={t('nothing.line')}>
      <path d={`${path}H580`} class="line" />
      <circle cx="588" cy={steps % 2 === 1 ? 18 : 30} r="6" class="line" />
    </svg>
  );
}
