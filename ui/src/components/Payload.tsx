/** What was sent: as text where it is text, and as bytes. */
import { t } from '../i18n/index.ts';

interface Props {
  text: string | null | undefined;
  hex: string | null | undefined;
}

export function Payload({ text, hex }: Props) {
  const shown = readable(text, hex);
  if (!shown) return <p class="muted">{t('message.empty')}</p>;
  return (
    <>
      <pre class="payload">{shown}</pre>
      {text && hex && shown === text && (
        <details class="bytes">
          <summary>{t('message.hex')}</summary>
          <pre class="payload">{spaced(hex)}</pre>
        </details>
      )}
    </>
  );
}

/** The text, or the bytes where it is none: control characters show nothing. */
export function readable(text: string | null | undefined, hex: string | null | undefined): string {
  const isText = typeof text === 'string' && !/[^\P{Cc}\t\n\r]/u.test(text);
  return isText ? text : spaced(hex ?? '');
}

/** Two digits a byte, sixteen bytes a line. */
export function spaced(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  const lines: string[] = [];
  for (let i = 0; i < bytes.length; i += 16) lines.push(bytes.slice(i, i + 16).join(' '));
  return lines.join('\n');
}
