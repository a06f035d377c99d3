/** Flat until something comes in; every message that does leaves one step on the paper. */
import { t } from '../i18n/index.ts';

export function ListeningLine({ received }: { received: number }) {
  const steps = Math.min(received, 12);
  let path = 'M0 30';
  for (let i = 0; i < steps; i++) path += `H${200 + i * 28}V${i % 2 === 0 ? 18 : 30}`;
  return (
    <svg
      class="listening"
      viewBox="0 0 600 48"
      width="100%"
      role="img"
      aria-label={t('nothing.line')}
    >
      <path d={`${path}H580`} class="line" />
      <circle cx="588" cy={steps % 2 === 1 ? 18 : 30} r="6" class="line" />
    </svg>
  );
}
