/** The line to write in. After a slash it offers the commands of bots. */

import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { ApplicationCommand, Room } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { IconButton } from './basics.tsx';
import { CommandForm } from './command-form.tsx';

/** How many commands are offered at once. */
const OFFERED = 8;

/** See the module. */
export function Composer({ room, placeholder }: { room: Room; placeholder: string }): JSX.Element {
  const app = useApp();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<ApplicationCommand | null>(null);
  const [marked, setMarked] = useState(0);
  const list = useId();
  const input = useRef<HTMLInputElement>(null);
  const { guild } = room;
  const slash = guild !== null && text.startsWith('/');
  useEffect(() => {
    if (slash && guild !== null) void app.chat.loadCommands(guild);
  }, [app, slash, guild]);

  const commands = slash && guild !== null ? (app.chat.commands.value.get(guild) ?? []) : [];
  const wanted = text.slice(1).split(' ')[0]?.toLowerCase() ?? '';
  const offered = commands.filter((command) => command.name.startsWith(wanted)).slice(0, OFFERED);
  const at = Math.min(marked, Math.max(0, offered.length - 1));

  async function choose(command: ApplicationCommand): Promise<void> {
    setText('');
    setMarked(0);
    if ((command.options ?? []).length > 0) return setChosen(command);
    if (guild !== null) await app.chat.use(command, [], guild, room.channel);
  }

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const command = offered[at];
    if (slash && command !== undefined) return choose(command);
    const content = text.trim();
    if (content === '') return;
    setText('');
    if (!(await app.chat.send(room.channel, content))) setText(content);
  }

  function press(event: KeyboardEvent): void {
    if (offered.length === 0) return;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setMarked((at + step + offered.length) % offered.length);
    } else if (event.key === 'Tab' && offered[at] !== undefined) {
      event.preventDefault();
      void choose(offered[at]);
    } else if (event.key === 'Escape') {
      setText('');
    }
  }

  function done(): void {
    setChosen(null);
    requestAnimationFrame(() => input.current?.focus());
  }

  if (chosen !== null && guild !== null) {
    return <CommandForm command={chosen} guild={guild} channel={room.channel} done={done} />;
  }
  return (
    <form class="composer" onSubmit={(event) => void submit(event)}>
      {slash && (
        <ul class="commands" role="listbox" id={list} aria-label="Commands">
          {offered.map((command, index) => (
            <li
              key={command.id}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === at}
              onPointerDown={(event) => {
                event.preventDefault();
                void choose(command);
              }}
            >
              <strong>/{command.name}</strong>
              <span class="muted">{command.description}</span>
              <span class="muted">{app.world.nameOf(command.application_id, guild)}</span>
            </li>
          ))}
          {offered.length === 0 && <li class="muted hint">No bot here has a command of this name.</li>}
        </ul>
      )}
      <input
        ref={input}
        value={text}
        placeholder={placeholder}
        aria-label={placeholder}
        role="combobox"
        aria-expanded={slash}
        aria-controls={list}
        aria-activedescendant={slash && offered.length > 0 ? `${list}-${at}` : undefined}
        aria-autocomplete="list"
        autoComplete="off"
        maxLength={2000}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={press}
      />
      <button type="submit" class="visually-hidden" tabIndex={-1}>
        Send
      </button>
      <IconButton icon="send" label="Send" onClick={() => input.current?.form?.requestSubmit()} />
    </form>
  );
}
