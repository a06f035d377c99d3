/** What keys do on a lane. The lane decides how; this says what was meant. */
export type KeyAction =
  | { kind: 'step'; by: number }
  | { kind: 'edge'; side: 'first' | 'last' }
  | { kind: 'zoom'; factor: number }
  | { kind: 'pan'; share: number }
  | { kind: 'reset' };

export function keyAction(key: string, shift: boolean): KeyAction | null {
  switch (key) {
    case 'ArrowLeft':
      return { kind: 'step', by: shift ? -10 : -1 };
    case 'ArrowRight':
      return { kind: 'step', by: shift ? 10 : 1 };
    case 'Home':
      return { kind: 'edge', side: 'first' };
    case 'End':
      return { kind: 'edge', side: 'last' };
    case '+':
    case '=':
      return { kind: 'zoom', factor: 0.5 };
    case '-':
      return { kind: 'zoom', factor: 2 };
    case '[':
      return { kind: 'pan', share: -0.25 };
    case ']':
      return { kind: 'pan', share: 0.25 };
    case '0':
    case 'Escape':
      return { kind: 'reset' };
    default:
      return null;
  }
}
