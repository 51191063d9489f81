import { render } from 'preact';
import { App } from './app.tsx';
import { beginSession } from './shared/session.ts';

const root = document.getElementById('app');
await beginSession();
if (root !== null) render(<App />, root);
