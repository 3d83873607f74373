/** Who is signed in, and how one signs in. */

import { signal } from '@preact/signals';
import { RestClient, type SignInOptions } from '../../protocol/index.ts';

/** The server that the page came from. */
export const rest = new RestClient(location.origin);

/** The token of who is signed in. */
export const token = signal<string | null>(null);

const KEY = 'voxhall.token';

/**
 * Who came by name stays signed in in one tab only, so that two tabs can be two people; who came with a password,
 * until they sign out.
 */
export function restoreAccount(): void {
  take(sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY));
}

/** Asks how one signs in here. */
export function signInOptions(): Promise<SignInOptions> {
  return rest.signInOptions();
}

/** Signs in to a development server. */
export async function signInByName(name: string): Promise<void> {
  const { token } = await rest.signInByName(name);
  sessionStorage.setItem(KEY, token);
  take(token);
}

/** Signs in with a password. */
export async function signIn(login: string, password: string): Promise<void> {
  const { token } = await rest.login(login, password);
  localStorage.setItem(KEY, token);
  take(token);
}

/** Makes an account. */
export async function signUp(name: string, password: string, invite: string | null): Promise<void> {
  const { token } = await rest.register(name, password, invite);
  localStorage.setItem(KEY, token);
  take(token);
}

/** Forgets the token: it was revoked, or the person signs out. */
export function forgetAccount(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
  take(null);
}

/** Signs out: the token is worth nothing afterwards. */
export async function signOut(): Promise<void> {
  try {
    await rest.logout();
  } finally {
    forgetAccount();
  }
}

function take(given: string | null): void {
  rest.authorize(given);
  token.value = given;
}
