/** Says that a device is a demonstration, and whose data it shows under which licence. */
import type { Device } from '../api/types.ts';

export function DemoBadge({ demo }: { demo: NonNullable<Device['demo']> }) {
  return (
    <p class="demo">
      <span class="demo-badge">{demo.badge}</span>
      <span class="demo-source">{[demo.source, demo.licence].filter(Boolean).join(', ')}</span>
    </p>
  );
}
