/** Keys that work everywhere on the page. */

import { useEffect } from 'preact/hooks';
import { useApp } from './context.ts';
import { settings } from './model/settings.ts';

/** Control+Shift+M mutes, Control+Shift+D deafens, the talk key lets speech pass while it is held. */
export function useKeys(): void {
  const app = useApp();
  useEffect(() => {
    const talks = (event: KeyboardEvent): boolean =>
      app.pushesToTalk.value && event.code === settings.value.talkKey && !isWriting(event.target);
    const down = (event: KeyboardEvent): void => {
      if (event.ctrlKey && event.shiftKey && event.code === 'KeyM') {
        event.preventDefault();
        app.setMute(!(settings.value.mute || settings.value.deaf));
      } else if (event.ctrlKey && event.shiftKey && event.code === 'KeyD') {
        event.preventDefault();
        app.setDeaf(!settings.value.deaf);
      } else if (talks(event)) {
        event.preventDefault();
        app.talking.value = true;
      }
    };
    const up = (event: KeyboardEvent): void => {
      if (event.code === settings.value.talkKey) app.talking.value = false;
    };
    // A key that is let go elsewhere is not heard of.
    const away = (): void => void (app.talking.value = false);
    window.addEventListener('keydown', down);
    window.addEventListener('keyup', up);
    window.addEventListener('blur', away);
    return () => {
      window.removeEventListener('keydown', down);
      window.removeEventListener('keyup', up);
      window.removeEventListener('blur', away);
    };
  }, [app]);
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select') !== null;
}
