/** Several lines to copy as they stand. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { copyText } from './CopyLine.tsx';

const thanksMs = 2000;

export function CopyBlock({ text, label }: { text: string; label: string }) {
  const block = useRef<HTMLPreElement>(null);
  const isCopied = useSignal(false);
  const copy = async () => {
    isCopied.value = await copyText(text, block.current);
    setTimeout(() => {
      isCopied.value = false;
    }, thanksMs);
  };
  return (
    <div class="copy-block">
      <button
        type="button"
        class="is-first"
        aria-label={t('copy.block', { what: label })}
        onClick={copy}
      >
        {t(isCopied.value ? 'copy.done' : 'copy.button')}
      </button>
      <pre ref={block} role="region" tabIndex={0} aria-label={label}>
        {text}
      </pre>
    </div>
  );
}
