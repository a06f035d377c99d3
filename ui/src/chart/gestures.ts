/**
 * Fingers and wheel on a lane. One finger up or down scrolls the page, sideways pans, two
 * pinch, a double tap goes back to live; Ctrl and the wheel zoom at the pointer.
 */
import type { Span } from '../state/range.ts';
import { panned, zoomed } from '../state/range.ts';

export interface View {
  span(): Span;
  /** No further to the right than this. */
  limit(): number;
  /** Draws another span while the gesture goes on. */
  look(span: Span): void;
  /** The gesture is over: this is the span that was meant. */
  settle(span: Span): void;
  reset(): void;
}

const sidewaysPx = 8;
const doubleTapMs = 320;
const wheelRestMs = 200;

/** Listens on the plot's surface until the returned function is called. */
export function attachGestures(surface: HTMLElement, view: View): () => void {
  const touch = new TouchGesture(surface, view);
  const wheel = wheelZoom(surface, view);
  const end = (event: TouchEvent) => touch.end(event);
  const start = (event: TouchEvent) => touch.start(event);
  const move = (event: TouchEvent) => touch.move(event);
  surface.addEventListener('touchstart', start, { passive: true });
  surface.addEventListener('touchmove', move, { passive: false });
  surface.addEventListener('touchend', end);
  surface.addEventListener('touchcancel', end);
  surface.addEventListener('wheel', wheel, { passive: false });
  return () => {
    surface.removeEventListener('touchstart', start);
    surface.removeEventListener('touchmove', move);
    surface.removeEventListener('touchend', end);
    surface.removeEventListener('touchcancel', end);
    surface.removeEventListener('wheel', wheel);
  };
}

function wheelZoom(surface: HTMLElement, view: View): (event: WheelEvent) => void {
  let rest: ReturnType<typeof setTimeout> | undefined;
  return (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = surface.getBoundingClientRect();
    const span = view.span();
    const at = span.from + ((event.clientX - box.left) / box.width) * (span.to - span.from);
    view.look(zoomed(span, Math.exp(event.deltaY * 0.003), at, view.limit()));
    clearTimeout(rest);
    rest = setTimeout(() => view.settle(view.span()), wheelRestMs);
  };
}

type Finger = { x: number; y: number };

class TouchGesture {
  private mode: 'none' | 'undecided' | 'pan' | 'pinch' = 'none';
  private startSpan: Span = { from: 0, to: 1 };
  private first: Finger = { x: 0, y: 0 };
  private startApart = 1;
  private startMiddle = 0;
  private lastTap = 0;

  constructor(
    private surface: HTMLElement,
    private view: View,
  ) {}

  start(event: TouchEvent): void {
    const [one, two] = fingers(event);
    if (!one) return;
    this.startSpan = this.view.span();
    this.first = one;
    this.mode = two ? 'pinch' : 'undecided';
    if (two) {
      this.startApart = Math.max(10, Math.abs(one.x - two.x));
      this.startMiddle = this.timeAt((one.x + two.x) / 2);
    }
  }

  move(event: TouchEvent): void {
    const [one, two] = fingers(event);
    if (!one) return;
    if (this.mode === 'undecided') this.decide(one);
    if (this.mode === 'none' || this.mode === 'undecided') return;
    event.preventDefault();
    if (this.mode === 'pinch' && two) this.pinch(one, two);
    else if (this.mode === 'pan') this.pan(one);
  }

  end(event: TouchEvent): void {
    if (event.touches.length > 0) return;
    const moved = this.mode === 'pan' || this.mode === 'pinch';
    const tapped = this.mode === 'undecided';
    this.mode = 'none';
    if (moved) this.view.settle(this.view.span());
    if (!tapped) return;
    const now = performance.now();
    if (now - this.lastTap < doubleTapMs) this.view.reset();
    this.lastTap = now;
  }

  private decide(one: Finger): void {
    const dx = Math.abs(one.x - this.first.x);
    const dy = Math.abs(one.y - this.first.y);
    if (dx > sidewaysPx && dx > dy) this.mode = 'pan';
    else if (dy > sidewaysPx) this.mode = 'none';
  }

  private pan(one: Finger): void {
    const width = this.surface.clientWidth || 1;
    const span = this.startSpan;
    const delta = ((this.first.x - one.x) / width) * (span.to - span.from);
    this.view.look(panned(span, delta, this.view.limit()));
  }

  private pinch(one: Finger, two: Finger): void {
    const apart = Math.max(10, Math.abs(one.x - two.x));
    this.view.look(
      zoomed(this.startSpan, this.startApart / apart, this.startMiddle, this.view.limit()),
    );
  }

  private timeAt(x: number): number {
    const box = this.surface.getBoundingClientRect();
    const { from, to } = this.view.span();
    return from + ((x - box.left) / box.width) * (to - from);
  }
}

function fingers(event: TouchEvent): Finger[] {
  return [...event.touches].map((touch) => ({ x: touch.clientX, y: touch.clientY }));
}
