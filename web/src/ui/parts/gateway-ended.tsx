/** The session is over for good: why, and a way to another one. */

import type { JSX } from 'preact';
import { GatewayClose } from '../../protocol/index.ts';
import { useApp } from '../context.ts';

/** See the module. Nothing while there is a session, or one to come. */
export function GatewayEnded(): JSX.Element | null {
  const app = useApp();
  const state = app.gatewayState.value;
  if (state.phase !== 'ended') return null;
  return (
    <p class="banner" role="alert">
      {whyEnded(state.code)}
      <button type="button" class="button" onClick={() => app.retryGateway()}>
        Try again
      </button>
    </p>
  );
}

/** What a close code after which nobody tries again by themselves means to a person. */
function whyEnded(code: number): string {
  switch (code) {
    case GatewayClose.InvalidApiVersion:
    case GatewayClose.InvalidIntents:
      return `The server does not understand this page (${code}). Load it again.`;
    case GatewayClose.TooManySessions:
      return `You have too many sessions (${code}). Close other tabs, then try again.`;
    default:
      return `The server has ended the connection (${code}).`;
  }
}
