/** The door: a name in a development server, a name and a password elsewhere. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { RestError, type SignInOptions } from '../../protocol/index.ts';
import { signIn, signInByName, signInOptions, signUp } from '../model/account.ts';

type Way = 'name' | 'password' | 'new';

/** See the module. */
export function SignIn(): JSX.Element {
  const [options, setOptions] = useState<SignInOptions | null>(null);
  const [way, setWay] = useState<Way>('password');
  const [failure, setFailure] = useState<string | null>(null);

  useEffect(() => {
    signInOptions().then(
      (found) => {
        setOptions(found);
        setWay(found.by_name ? 'name' : 'password');
      },
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  }, []);

  return (
    <main class="door">
      <div class="door-card">
        <h1 class="wordmark">Voxhall</h1>
        {options === null ? (
          <p role="status">{failure ?? 'Looking for the server …'}</p>
        ) : (
          <>
            <p class="muted">{GREETINGS[way]}</p>
            <Form key={way} way={way} needsInvite={options.sign_up === 'invite'} />
            <Ways way={way} options={options} choose={setWay} />
          </>
        )}
      </div>
    </main>
  );
}

const GREETINGS: Record<Way, string> = {
  name: 'Pick a name, and you are in.',
  password: 'Sign in to talk.',
  new: 'Make an account.',
};

function Form({ way, needsInvite }: { way: Way; needsInvite: boolean }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<RestError | null>(null);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const text = (field: string): string => String(given.get(field) ?? '').trim();
    const password = String(given.get('password') ?? '');
    setBusy(true);
    setError(null);
    try {
      if (way === 'name') await signInByName(text('name'));
      else if (way === 'password') await signIn(text('name'), password);
      else await signUp(text('name'), password, text('invite') || null);
    } catch (caught) {
      setError(caught instanceof RestError ? caught : new RestError(0, 0, String(caught)));
      setBusy(false);
    }
  }

  const fault = (...names: string[]): string | null =>
    names.map((name) => error?.fields[name]).find((text) => text !== undefined) ?? null;
  const named = error !== null && Object.keys(error.fields).length > 0;
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Field
        label={way === 'name' ? 'Your name' : 'User name'}
        name="name"
        autoComplete={way === 'name' ? 'nickname' : 'username'}
        fault={fault('name', 'username', 'login')}
        focus
      />
      {way !== 'name' && (
        <Field
          label="Password"
          name="password"
          secret
          autoComplete={way === 'new' ? 'new-password' : 'current-password'}
          fault={fault('password')}
        />
      )}
      {way === 'new' && needsInvite && <Field label="Invite" name="invite" autoComplete="off" fault={fault('invite')} />}
      {error !== null && !named && (
        <p class="fault" role="alert">
          {error.message}
        </p>
      )}
      <button type="submit" class="button primary wide" disabled={busy}>
        {way === 'name' ? 'Enter' : way === 'password' ? 'Sign in' : 'Make the account'}
      </button>
    </form>
  );
}

interface FieldProps {
  label: string;
  name: string;
  /** A password: it is not shown. */
  secret?: boolean;
  autoComplete: string;
  fault: string | null;
  focus?: boolean;
}

function Field({ label, name, secret = false, autoComplete, fault, focus = false }: FieldProps): JSX.Element {
  const common = {
    name,
    required: true,
    maxLength: 72,
    autoComplete,
    'aria-invalid': fault !== null,
    'aria-describedby': fault === null ? undefined : `${name}-fault`,
    ref: (element: HTMLInputElement | null): void => {
      if (focus && document.activeElement === document.body) element?.focus();
    },
  };
  return (
    <label class="field">
      <span>{label}</span>
      {secret ? (
        <input type="password" {...common} />
      ) : (
        <input type="text" autocapitalize="off" spellcheck={false} {...common} />
      )}
      {fault !== null && (
        <span class="fault" id={`${name}-fault`} role="alert">
          {fault}
        </span>
      )}
    </label>
  );
}

function Ways({ way, options, choose }: { way: Way; options: SignInOptions; choose: (way: Way) => void }): JSX.Element {
  const others: [Way, string][] = [];
  if (options.by_name) others.push(['name', 'Enter with a name']);
  others.push(['password', 'Sign in with a password']);
  if (options.sign_up !== 'closed') others.push(['new', 'Make an account']);
  return (
    <p class="door-ways">
      {others
        .filter(([other]) => other !== way)
        .map(([other, text]) => (
          <button key={other} type="button" class="link" onClick={() => choose(other)}>
            {text}
          </button>
        ))}
    </p>
  );
}
