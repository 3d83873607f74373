/** Gives every part of the page the {@link App} it belongs to. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { App } from './model/app.ts';

const Context = createContext<App | null>(null);

/** Stands around everything that needs the app. */
export const AppProvider = Context.Provider;

/** The app; only below {@link AppProvider}. */
export function useApp(): App {
  const app = useContext(Context);
  if (app === null) throw new Error('this part stands outside of the page');
  return app;
}
