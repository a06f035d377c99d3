/** The servers that share the store, where there are several: which are there, and how far they are apart. */
import type { System } from '../api/sources.ts';
import { formatCoarse } from '../format/time.ts';
import { t } from '../i18n/index.ts';

/** A server is heard every few seconds; longer than this it may be gone. */
const silentMs = 15_000;
/** Clocks that are further apart than this put readings out of order. */
const skewedMs = 500;

export function Nodes({ system }: { system: System }) {
  if (system.nodes.length < 2) return null;
  return (
    <section class="nodes" aria-labelledby="nodes-title">
      <h2 id="nodes-title">{t('nodes.title')}</h2>
      {system.sentence && <p class="muted">{system.sentence}</p>}
      <table>
        <thead>
          <tr>
            <th scope="col">{t('nodes.number')}</th>
            <th scope="col">{t('nodes.address')}</th>
            <th scope="col">{t('nodes.version')}</th>
            <th scope="col">{t('nodes.heard')}</th>
            <th scope="col">{t('nodes.clock')}</th>
            <th scope="col">{t('nodes.lag')}</th>
          </tr>
        </thead>
        <tbody>
          {system.nodes.map((node) => (
            <tr key={node.number}>
              <th scope="row">{node.number}</th>
              <td>{node.own ? t('nodes.own') : <a href={node.http}>{node.http}</a>}</td>
              <td>{node.version}</td>
              <td>{heardWords(node)}</td>
              <td>{clockWords(node)}</td>
              <td>{typeof node.lag_ms === 'number' && formatCoarse(node.lag_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

type Node = System['nodes'][number];

export function heardWords({ own, silent_ms }: Node): string {
  if (own || silent_ms <= silentMs) return t('nodes.is_heard');
  return t('nodes.is_silent', { age: formatCoarse(silent_ms) });
}

export function clockWords({ own, clock_skew_ms }: Node): string {
  if (own || Math.abs(clock_skew_ms) <= skewedMs) return t('nodes.clock_good');
  const by = { by: formatCoarse(Math.abs(clock_skew_ms)) };
  return t(clock_skew_ms > 0 ? 'nodes.clock_ahead' : 'nodes.clock_behind', by);
}
