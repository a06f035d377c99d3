import { render } from 'preact';
import { startLive } from './api/live.ts';
import { App } from './app.tsx';
import { startClock } from './state/clock.ts';
import { startFleet } from './state/fleet.ts';
import { startRouter } from './state/url.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';

startClock();
startRouter();
startFleet();
startLive();

const root = document.getElementById('app');
if (root) render(<App />, root);
