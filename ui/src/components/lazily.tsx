/** A component whose code comes when it is first shown. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { Failure } from './Failure.tsx';

export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const found = signal<ComponentType<P> | 'failed' | null>(null);
  const put = (what: ComponentType<P> | 'failed') => {
    found.value = what;
  };
  return (props: P) => {
    useEffect(() => {
      if (!found.peek()) load().then(put, () => put('failed'));
    }, []);
    const Found = found.value;
    if (Found === 'failed')
      return <Failure what={t('failure.page')} why="" again={() => location.reload()} />;
    return Found ? <Found {...props} /> : null;
  };
}
