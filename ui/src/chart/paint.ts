/** The colours of the moment and the hatching, for canvases, which cannot read CSS. */
import type { Hue } from './hue.ts';

export interface Paint {
  ink: string;
  muted: string;
  rule: string;
  paper: string;
  hue: string;
  font: string;
  hatch: CanvasPattern | null;
}

/** `drained` draws a silent device's lanes in grey: stale is colour running out. */
export function paintFor(hue: Hue, drained: boolean, ratio: number): Paint {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const muted = colour('--muted');
  return {
    ink: colour('--ink'),
    muted,
    rule: colour('--rule'),
    paper: colour('--paper'),
    hue: drained ? muted : colour(`--q-${hue}`),
    font: `${12 * ratio}px ${colour('--sans')}`,
    hatch: hatching(colour('--hatch'), ratio),
  };
}

function hatching(colour: string, ratio: number): CanvasPattern | null {
  const size = Math.round(7 * ratio);
  const tile = document.createElement('canvas');
  tile.width = size;
  tile.height = size;
  const context = tile.getContext('2d');
  if (!context) return null;
  context.strokeStyle = colour;
  context.lineWidth = ratio;
  context.beginPath();
  for (const shift of [-size, 0, size]) {
    context.moveTo(shift, size);
    context.lineTo(shift + size, 0);
  }
  context.stroke();
  return context.createPattern(tile, 'repeat');
}
