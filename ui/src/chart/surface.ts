/**
 * The one place that touches uPlot: a canvas with a line, a grid and a selection. What to
 * draw is handed in whole each time; this class keeps no data of its own.
 */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatNumber, formatState } from '../format/number.ts';
import type { Span } from '../state/range.ts';
import {
  drawBad,
  drawBand,
  drawDots,
  drawGaps,
  drawGapWords,
  drawLeader,
  drawStates,
  drawTexts,
} from './draw.ts';
import type { Gap } from './gaps.ts';
import type { Paint } from './paint.ts';
import type { Plot } from './plot.ts';
import { ticks, type YRange } from './yrange.ts';

export interface Scene {
  plot: Plot;
  form: 'line' | 'state' | 'text';
  span: Span;
  timeTicks: number[];
  y: YRange;
  gaps: Gap[];
  paint: Paint;
  /** The newest reading, where the pen stands; null when it is out of view. */
  pen: { t: number; v: number } | null;
}

export interface SurfaceEvents {
  zoom(span: Span): void;
  hover(time: number | null): void;
  click(): void;
  reset(): void;
}

const dragLeastPx = 6;
const rowsPx = 32;
const rowsMost = 5;

export class Surface {
  private chart: uPlot;
  private scene: Scene | null = null;
  private ratio = window.devicePixelRatio || 1;
  private quiet = false;

  constructor(
    host: HTMLElement,
    size: { width: number; height: number },
    gutter: number,
    private events: SurfaceEvents,
  ) {
    this.chart = new uPlot(this.options(size, gutter), [[], []], host);
    // uPlot's own figures are for the eye; the lane says the same in words.
    this.chart.root.setAttribute('aria-hidden', 'true');
  }

  get over(): HTMLElement {
    return this.chart.over;
  }

  /** The plot without the gutter, in CSS pixels. */
  get box(): { left: number; top: number; width: number; height: number } {
    const { bbox } = this.chart;
    const r = this.ratio;
    return {
      left: bbox.left / r,
      top: bbox.top / r,
      width: bbox.width / r,
      height: bbox.height / r,
    };
  }

  resize(width: number, height: number): void {
    if (width > 0 && height > 0) this.chart.setSize({ width, height });
  }

  draw(scene: Scene): void {
    this.scene = scene;
    const { span, y } = scene;
    this.chart.batch(() => {
      this.chart.setData([scene.plot.x, scene.plot.y], false);
      this.chart.setScale('x', { min: span.from, max: span.to });
      this.chart.setScale('y', { min: y.lo, max: y.hi });
    });
  }

  /** Where a time and a value stand in the lane, in CSS pixels from the plot's corner. */
  place(time: number, value: number): { x: number; y: number } {
    return { x: this.chart.valToPos(time, 'x'), y: this.chart.valToPos(value, 'y') };
  }

  timeAt(x: number): number {
    return this.chart.posToVal(x, 'x');
  }

  /** Moves the crosshair without telling anyone, because another lane has told us. */
  setCursor(time: number | null): void {
    this.quiet = true;
    const left = time === null ? -10 : this.chart.valToPos(time, 'x');
    this.chart.setCursor({ left, top: time === null ? -10 : 0 }, false);
    this.quiet = false;
  }

  destroy(): void {
    this.chart.destroy();
  }

  private options(size: { width: number; height: number }, gutter: number): uPlot.Options {
    return {
      ...size,
      ms: 1,
      padding: [6, 0, 6, 0],
      legend: { show: false },
      scales: { x: { time: false, auto: false }, y: { auto: false } },
      series: [{}, { width: 1.5, stroke: () => this.lineColour(), points: { show: false } }],
      axes: [this.timeAxis(), this.valueAxis(gutter)],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: dragLeastPx },
        bind: { dblclick: () => () => this.reset() },
      },
      hooks: {
        drawClear: [() => this.drawUnder()],
        draw: [() => this.drawOver()],
        setSelect: [() => this.selected()],
        setCursor: [() => this.hovered()],
        init: [(chart) => this.followClicks(chart)],
      },
    };
  }

  private lineColour(): string {
    return this.scene?.form === 'line' ? this.scene.paint.hue : 'transparent';
  }

  private timeAxis(): uPlot.Axis {
    return {
      size: 0,
      splits: () => this.scene?.timeTicks ?? [],
      values: (_, splits) => splits.map(() => ''),
      grid: { stroke: () => this.scene?.paint.rule ?? '', width: 1 },
      ticks: { show: false },
    };
  }

  private valueAxis(gutter: number): uPlot.Axis {
    return {
      size: gutter,
      gap: 6,
      stroke: () => this.scene?.paint.muted ?? '',
      font: `12px ${getComputedStyle(document.documentElement).getPropertyValue('--sans')}`,
      splits: () => this.valueTicks(),
      values: (_, splits) => splits.map((value) => this.valueLabel(value)),
      grid: {
        stroke: () => this.scene?.paint.rule ?? '',
        width: 1,
        filter: (_, splits) => (this.form === 'line' ? splits : []),
      },
      ticks: { show: false },
    };
  }

  private get form(): Scene['form'] {
    return this.scene?.form ?? 'line';
  }

  private rowCount(): number {
    return Math.min(rowsMost, Math.max(1, Math.floor(this.box.height / rowsPx)));
  }

  private valueTicks(): number[] {
    if (!this.scene || this.form === 'text' || this.scene.plot.x.length === 0) return [];
    if (this.form === 'state') return [0.08, 0.92];
    return ticks(this.scene.y, this.rowCount()).values;
  }

  private valueLabel(value: number): string {
    if (this.form === 'state') return formatState(value < 0.5 ? 0 : 1);
    const step = this.scene ? ticks(this.scene.y, this.rowCount()).step : 1;
    return formatNumber(value, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  }

  private drawUnder(): void {
    const scene = this.scene;
    if (!scene) return;
    drawGaps(this.chart, scene.gaps, scene.paint, this.ratio);
    if (scene.form === 'line') drawBand(this.chart, scene.plot, scene.paint, this.ratio);
  }

  private drawOver(): void {
    const scene = this.scene;
    if (!scene) return;
    const { stretches, bad } = scene.plot;
    if (scene.form === 'state') drawStates(this.chart, stretches, scene.paint, this.ratio);
    if (scene.form === 'text') drawTexts(this.chart, stretches, scene.paint, this.ratio);
    drawGapWords(this.chart, scene.gaps, scene.paint, this.ratio);
    drawBad(this.chart, bad, scene.paint, this.ratio);
    if (scene.form !== 'line') return;
    drawDots(this.chart, scene.plot, scene.paint, this.ratio);
    if (scene.pen) drawLeader(this.chart, scene.pen.t, scene.pen.v, scene.paint, this.ratio);
  }

  private selected(): void {
    const { left, width } = this.chart.select;
    if (width < dragLeastPx) return;
    const span = { from: Math.round(this.timeAt(left)), to: Math.round(this.timeAt(left + width)) };
    this.chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (span.to > span.from) this.events.zoom(span);
  }

  private hovered(): void {
    if (this.quiet) return;
    const left = this.chart.cursor.left ?? -1;
    this.events.hover(left < 0 ? null : this.timeAt(left));
  }

  /** A click is a press that did not become a drag. */
  private followClicks(chart: uPlot): void {
    let downAt = 0;
    chart.over.addEventListener('mousedown', (event) => {
      downAt = event.clientX;
    });
    chart.over.addEventListener('click', (event) => {
      if (Math.abs(event.clientX - downAt) < dragLeastPx) this.events.click();
    });
  }

  private reset(): null {
    this.events.reset();
    return null;
  }
}
