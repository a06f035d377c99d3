/** What a lane shows besides its line: gaps, band, dots, bad marks, states, texts. */
import type uPlot from 'uplot';
import { formatState } from '../format/number.ts';
import { formatCoarse, formatDuration } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import type { Gap } from './gaps.ts';
import type { Paint } from './paint.ts';
import type { Plot, Stretch } from './plot.ts';

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Runs `draw` with the plot as the limit of the canvas. */
function clipped(chart: uPlot, draw: (context: CanvasRenderingContext2D, box: Box) => void): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx, bbox);
  ctx.restore();
}

type DrawGap = (context: CanvasRenderingContext2D, gap: Gap, box: Box) => void;

function eachGap(chart: uPlot, gaps: readonly Gap[], ratio: number, draw: DrawGap): void {
  clipped(chart, (context, box) => {
    for (const gap of gaps) {
      const from = Math.max(box.left, chart.valToPos(gap.from, 'x', true));
      const to = Math.min(box.left + box.width, chart.valToPos(gap.to, 'x', true));
      if (to - from < ratio) continue;
      draw(context, gap, { ...box, left: from, width: to - from });
    }
  });
}

/** Hatching, under the grid. */
export function drawGaps(chart: uPlot, gaps: readonly Gap[], paint: Paint, ratio: number): void {
  eachGap(chart, gaps, ratio, (context, _, box) => {
    context.fillStyle = paint.hatch ?? paint.rule;
    context.fillRect(box.left, box.top, box.width, box.height);
  });
}

/** How long each gap was, over the grid. */
export function drawGapWords(
  chart: uPlot,
  gaps: readonly Gap[],
  paint: Paint,
  ratio: number,
): void {
  eachGap(chart, gaps, ratio, (context, gap, box) => writeGap(context, gap, box, paint, ratio));
}

function writeGap(
  context: CanvasRenderingContext2D,
  gap: Gap,
  box: Box,
  paint: Paint,
  ratio: number,
) {
  const duration = formatDuration(gap.to - gap.from);
  context.font = paint.font;
  const room = box.width - 10 * ratio;
  const fitting = [t('chart.silent', { duration }), duration, formatCoarse(gap.to - gap.from)];
  const words = fitting.find((one) => context.measureText(one).width <= room);
  if (!words) return;
  const width = context.measureText(words).width + 10 * ratio;
  const middle = box.left + box.width / 2;
  const line = box.top + box.height / 2;
  context.fillStyle = paint.paper;
  context.fillRect(middle - width / 2, line - 9 * ratio, width, 18 * ratio);
  context.fillStyle = paint.muted;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(words, middle, line);
}

/** The span between the extremes of each step: what averaging alone would hide. */
export function drawBand(chart: uPlot, plot: Plot, paint: Paint, ratio: number): void {
  if (plot.shape !== 'steps') return;
  clipped(chart, (context) => {
    for (const [start, end] of runs(plot)) {
      bandPath(chart, plot, start, end, context);
      context.globalAlpha = 0.22;
      context.fillStyle = paint.hue;
      context.fill();
      context.globalAlpha = 0.4;
      context.lineWidth = 0.75 * ratio;
      context.strokeStyle = paint.hue;
      context.stroke();
      context.globalAlpha = 1;
    }
  });
}

/** Index ranges without a null, ends included. */
function runs(plot: Plot): [number, number][] {
  const found: [number, number][] = [];
  let start = -1;
  for (let i = 0; i <= plot.x.length; i++) {
    const has = i < plot.x.length && plot.y[i] !== null;
    if (has && start < 0) start = i;
    if (!has && start >= 0) {
      found.push([start, i - 1]);
      start = -1;
    }
  }
  return found;
}

function bandPath(
  chart: uPlot,
  plot: Plot,
  start: number,
  end: number,
  context: CanvasRenderingContext2D,
) {
  const point = (i: number, value: number | null | undefined): [number, number] => [
    chart.valToPos(plot.x[i] ?? 0, 'x', true),
    chart.valToPos(value ?? plot.y[i] ?? 0, 'y', true),
  ];
  context.beginPath();
  for (let i = start; i <= end; i++) context.lineTo(...point(i, plot.hi[i]));
  for (let i = end; i >= start; i--) context.lineTo(...point(i, plot.lo[i]));
  context.closePath();
}

/** Each reading as a dot once they stand apart; a lone one always. */
export function drawDots(chart: uPlot, plot: Plot, paint: Paint, ratio: number): void {
  const span = (chart.scales['x']?.max ?? 0) - (chart.scales['x']?.min ?? 0);
  const inView =
    plot.x.length > 1 ? (span / ((plot.x.at(-1) ?? 0) - (plot.x[0] ?? 0))) * plot.x.length : 1;
  const apart = chart.bbox.width / ratio / Math.max(1, inView);
  const all = plot.shape === 'readings' && apart > 9;
  const indices = all ? plot.x.keys() : plot.lone;
  clipped(chart, (context) => {
    context.fillStyle = paint.hue;
    for (const i of indices) {
      const y = plot.y[i];
      if (y === null || y === undefined) continue;
      const x = chart.valToPos(plot.x[i] ?? 0, 'x', true);
      context.beginPath();
      context.arc(x, chart.valToPos(y, 'y', true), (all ? 2 : 2.5) * ratio, 0, 2 * Math.PI);
      context.fill();
    }
  });
}

/** Failed reads: a small cross at the foot of the lane, never a place on the line. */
export function drawBad(chart: uPlot, times: readonly number[], paint: Paint, ratio: number): void {
  clipped(chart, (context, box) => {
    const arm = 3 * ratio;
    const y = box.top + box.height - arm - ratio;
    context.strokeStyle = paint.muted;
    context.lineWidth = 1.25 * ratio;
    context.beginPath();
    for (const time of times) {
      const x = chart.valToPos(time, 'x', true);
      context.moveTo(x - arm, y - arm);
      context.lineTo(x + arm, y + arm);
      context.moveTo(x + arm, y - arm);
      context.lineTo(x - arm, y + arm);
    }
    context.stroke();
  });
}

/** A state as a band: full where it was on, a thin line where it was off, in between by share. */
export function drawStates(
  chart: uPlot,
  stretches: readonly Stretch[],
  paint: Paint,
  ratio: number,
): void {
  clipped(chart, (context, box) => {
    const foot = box.top + box.height - 2 * ratio;
    context.fillStyle = paint.hue;
    for (const one of stretches) {
      const [from, width] = placed(chart, one, ratio);
      const share = one.share ?? 0;
      context.globalAlpha = share > 0 ? 0.3 + 0.45 * Math.min(1, share) : 0.9;
      const height = share > 0 ? box.height - 4 * ratio : ratio;
      context.fillRect(from, foot - height, width, height);
    }
    context.globalAlpha = 1;
  });
}

/** Texts stand in their stretch, with a rule where one begins. */
export function drawTexts(
  chart: uPlot,
  stretches: readonly Stretch[],
  paint: Paint,
  ratio: number,
): void {
  clipped(chart, (context, box) => {
    context.font = paint.font;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (const one of stretches) {
      const [from, width] = placed(chart, one, ratio);
      context.fillStyle = paint.hue;
      context.fillRect(from, box.top + 2 * ratio, 1.5 * ratio, box.height - 4 * ratio);
      const words = typeof one.value === 'string' ? one.value : formatState(one.value);
      if (one.value === null || context.measureText(words).width + 10 * ratio > width) continue;
      context.globalAlpha = 0.1;
      context.fillRect(from, box.top + 2 * ratio, width, box.height - 4 * ratio);
      context.globalAlpha = 1;
      context.fillStyle = paint.ink;
      context.fillText(words, Math.max(from, box.left) + 6 * ratio, box.top + box.height / 2);
    }
  });
}

function placed(chart: uPlot, one: Stretch, ratio: number): [number, number] {
  const from = chart.valToPos(one.from, 'x', true);
  return [from, Math.max(ratio, chart.valToPos(one.to, 'x', true) - from)];
}

/** From the pen to the edge of the paper, so that the eye finds the number. */
export function drawLeader(
  chart: uPlot,
  time: number,
  value: number,
  paint: Paint,
  ratio: number,
): void {
  clipped(chart, (context, box) => {
    const y = chart.valToPos(value, 'y', true);
    context.strokeStyle = paint.muted;
    context.lineWidth = ratio;
    context.setLineDash([ratio, 3 * ratio]);
    context.beginPath();
    context.moveTo(chart.valToPos(time, 'x', true) + 6 * ratio, y);
    context.lineTo(box.left + box.width, y);
    context.stroke();
  });
}
