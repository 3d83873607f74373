/** Starts the page. */

import { effect, signal } from '@preact/signals';
import { type JSX, render } from 'preact';
import './styles/base.css';
import './styles/page.css';
import './styles/room.css';
import './styles/chat.css';
import { AppProvider } from './context.ts';
import { restoreAccount, token } from './model/account.ts';
import { App } from './model/app.ts';
import { exposeDiagnostics } from './model/diagnostics.ts';
import { complain } from './model/notices.ts';
import { keepSettings } from './model/settings.ts';
import { Page } from './parts/page.tsx';
import { SignIn } from './parts/sign-in.tsx';

const app = signal<App | null>(null);

/** How long to wait before asking a server again that does not answer. */
const AGAIN_MS = 2_000;

/** Follows who is signed in. */
function followAccount(): void {
  effect(() => {
    const given = token.value;
    app.peek()?.stop();
    app.value = null;
    if (given !== null) void begin(given);
  });
}

async function begin(given: string): Promise<void> {
  try {
    const begun = await App.start(given);
    if (token.peek() === given) app.value = begun;
    else begun.stop();
  } catch (error) {
    complain(error);
    setTimeout(() => token.peek() === given && void begin(given), AGAIN_MS);
  }
}

function Root(): JSX.Element {
  if (token.value === null) return <SignIn />;
  if (app.value === null) {
    return (
      <main class="door">
        <p role="status">Connecting …</p>
      </main>
    );
  }
  return (
    <AppProvider value={app.value}>
      <Page />
    </AppProvider>
  );
}

keepSettings();
exposeDiagnostics(() => app.peek());
restoreAccount();
followAccount();
const place = document.getElementById('page');
if (place !== null) render(<Root />, place);
