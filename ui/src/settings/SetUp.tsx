/** What is this device, whose messages are its own, and how are its values to be shown? */
import type { Device } from '../api/types.ts';
import words from '../i18n/en.settings.json';
import { addWords } from '../i18n/index.ts';
import { Bindings } from './Bindings.tsx';
import { Hardware } from './Hardware.tsx';
import { Leaving } from './Leaving.tsx';
import { Metrics } from './Metrics.tsx';
import { Naming } from './Naming.tsx';
import '../styles/settings.css';

addWords(words);

export function SetUp({ device }: { device: Device }) {
  return (
    <div class="settings">
      <Naming device={device} />
      <Metrics device={device} />
      <Bindings device={device} />
      <Hardware device={device} />
      <Leaving device={device} />
    </div>
  );
}
