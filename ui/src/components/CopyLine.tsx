/** A line to paste into a terminal, with a button that also works on plain http. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import '../styles/copy.css';

const thanksMs = 2000;

export function CopyLine({ line, label }: { line: string; label: string }) {
  const text = useRef<HTMLElement>(null);
  const isCopied = useSignal(false);
  const copy = async () => {
    isCopied.value = await copyText(line, text.current);
    setTimeout(() => {
      isCopied.value = false;
    }, thanksMs);
  };
  return (
    <div class="copy-line">
      <code ref={text}>{line}</code>
      <button type="button" aria-label={t('copy.label', { what: label })} onClick={copy}>
        {t(isCopied.value ? 'copy.done' : 'copy.button')}
      </button>
    </div>
  );
}

/** The clipboard API exists only in secure contexts; elsewhere the selection is copied. */
export async function copyText(line: string, element: HTMLElement | null): Promise<boolean> {
  if (navigator.clipboard) {
    const done = await navigator.clipboard.writeText(line).then(
      () => true,
      () => false,
    );
    if (done) return true;
  }
  if (!element) return false;
  getSelection()?.selectAllChildren(element);
  return document.execCommand('copy');
}
