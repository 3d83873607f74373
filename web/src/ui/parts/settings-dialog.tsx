/** Devices, how one speaks, how the page looks, and the way out. */

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { canChooseSpeaker, type Device, devices } from '../../media/devices.ts';
import { microphoneLevel } from '../../media/microphone.ts';
import { useApp } from '../context.ts';
import { signOut } from '../model/account.ts';
import { complain } from '../model/notices.ts';
import { type Settings, set, settings, type Theme } from '../model/settings.ts';
import { IconButton } from './basics.tsx';
import { Icon, type IconName } from './icons.tsx';

/** See the module. */
export function SettingsDialog({ close }: { close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="settings" aria-labelledby="settings-title" onClose={close}>
      <header>
        <h2 id="settings-title">Settings</h2>
        <IconButton icon="close" label="Close the settings" onClick={() => dialog.current?.close()} />
      </header>
      <DeviceSettings />
      <SpeechSettings />
      <ThemeSettings />
      <button type="button" class="button" onClick={() => void signOut().catch(complain)}>
        <Icon name="exit" size={18} /> Sign out
      </button>
    </dialog>
  );
}

function DeviceSettings(): JSX.Element {
  const app = useApp();
  const { microphones, cameras, speakers } = devices.value;
  const { microphone, camera, speaker } = settings.value;
  const changeCamera = (device: string | null): void => {
    set({ camera: device });
    if (app.camera.value !== null) void app.setCamera(true);
  };
  return (
    <fieldset>
      <legend>Devices</legend>
      <DeviceChoice name="Microphone" from={microphones} chosen={microphone} choose={(it) => set({ microphone: it })} />
      <div class="meter" role="meter" aria-label="Loudness of the microphone" aria-valuemin={0} aria-valuemax={100} aria-valuenow={loudness()}>
        <span style={{ width: `${loudness()}%` }} />
      </div>
      {canChooseSpeaker && (
        <DeviceChoice name="Loudspeaker" from={speakers} chosen={speaker} choose={(it) => set({ speaker: it })} />
      )}
      <DeviceChoice name="Camera" from={cameras} chosen={camera} choose={changeCamera} />
    </fieldset>
  );
}

/** Loudness is heard by its logarithm: from −60 dB to 0. */
function loudness(): number {
  const decibels = 20 * Math.log10(Math.max(microphoneLevel.value, 0.001));
  return Math.round(((decibels + 60) / 60) * 100);
}

interface DeviceChoiceProps {
  name: string;
  from: Device[];
  chosen: string | null;
  choose: (device: string | null) => void;
}

function DeviceChoice({ name, from, chosen, choose }: DeviceChoiceProps): JSX.Element {
  return (
    <label class="field">
      <span>{name}</span>
      <select value={chosen ?? ''} onChange={(event) => choose(event.currentTarget.value || null)}>
        <option value="">Default</option>
        {from
          .filter((device) => device.id !== '' && device.id !== 'default')
          .map((device, index) => (
            <option key={device.id} value={device.id}>
              {device.name || `${name} ${index + 1}`}
            </option>
          ))}
      </select>
    </label>
  );
}

function SpeechSettings(): JSX.Element {
  const { pushToTalk } = settings.value;
  return (
    <fieldset>
      <legend>Speech</legend>
      <Switch name="pushToTalk">Push to talk</Switch>
      {pushToTalk && <TalkKey />}
      <Switch name="echoCancellation">Echo cancellation</Switch>
      <Switch name="noiseSuppression">Noise suppression</Switch>
      <Switch name="autoGain">Automatic gain control</Switch>
    </fieldset>
  );
}

type SwitchName = { [Name in keyof Settings]: Settings[Name] extends boolean ? Name : never }[keyof Settings];

function Switch({ name, children }: { name: SwitchName; children: string }): JSX.Element {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        checked={settings.value[name]}
        onChange={(event) => set({ [name]: event.currentTarget.checked })}
      />
      <span>{children}</span>
    </label>
  );
}

function TalkKey(): JSX.Element {
  const [listening, setListening] = useState(false);
  const take = (event: KeyboardEvent): void => {
    if (!listening) return;
    event.preventDefault();
    if (event.code !== 'Escape') set({ talkKey: event.code });
    setListening(false);
  };
  return (
    <p class="talk-key">
      <span>Key to talk</span>
      <button type="button" class="button" onClick={() => setListening(true)} onKeyDown={take} onBlur={() => setListening(false)}>
        {listening ? 'Press a key …' : settings.value.talkKey}
      </button>
    </p>
  );
}

const THEMES: [Theme, string, IconName][] = [
  ['auto', 'As the system', 'halfMoon'],
  ['light', 'Light', 'sun'],
  ['dark', 'Dark', 'moon'],
];

function ThemeSettings(): JSX.Element {
  return (
    <fieldset class="themes">
      <legend>Look</legend>
      {THEMES.map(([theme, name, icon]) => (
        <label key={theme} class="theme">
          <input type="radio" name="theme" checked={settings.value.theme === theme} onChange={() => set({ theme })} />
          <Icon name={icon} size={18} />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}
