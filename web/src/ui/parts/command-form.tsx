/** Asks for the options of a command, then uses it. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import {
  type ApplicationCommand,
  type ChannelId,
  type CommandOption,
  type GuildId,
  OptionType,
  type OptionValue,
} from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { IconButton } from './basics.tsx';

interface CommandFormProps {
  command: ApplicationCommand;
  guild: GuildId;
  channel: ChannelId;
  done: () => void;
}

/** See the module. */
export function CommandForm({ command, guild, channel, done }: CommandFormProps): JSX.Element {
  const app = useApp();
  const [path, setPath] = useState<string[]>([]);
  const subcommands = subcommandsOf(command.options ?? []);
  const branch = subcommands.find((it) => it.path.join(' ') === path.join(' ')) ?? subcommands[0];
  const options = branch === undefined ? (command.options ?? []) : (branch.option.options ?? []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const values = options.flatMap((option) => valueOf(option, given.get(option.name)) ?? []);
    const nested = branch === undefined ? values : nest(branch, values);
    if (await app.chat.use(command, nested, guild, channel)) done();
  }

  return (
    <form
      class="command-form"
      aria-label={`/${command.name}`}
      onSubmit={(event) => void submit(event)}
      onKeyDown={(event) => event.key === 'Escape' && done()}
    >
      <p class="command-head">
        <strong>/{command.name}</strong> <span class="muted">{command.description}</span>
        <IconButton icon="close" label="Do not use this command" onClick={done} />
      </p>
      {branch !== undefined && (
        <label class="field">
          <span>What</span>
          <select value={branch.path.join(' ')} onChange={(event) => setPath(event.currentTarget.value.split(' '))}>
            {subcommands.map((it) => (
              <option key={it.path.join(' ')} value={it.path.join(' ')}>
                {it.path.join(' ')}
              </option>
            ))}
          </select>
        </label>
      )}
      {options.map((option, index) => (
        <label class="field" key={option.name}>
          <span>
            {option.name}
            {option.required !== true && <span class="muted"> (optional)</span>}
          </span>
          <OptionInput option={option} guild={guild} focus={index === 0} />
          <span class="muted">{option.description}</span>
        </label>
      ))}
      <button type="submit" class="button primary">
        Use
      </button>
    </form>
  );
}

interface Branch {
  path: string[];
  option: CommandOption;
}

/** The subcommands of a command, with those of its groups; empty if it has none. */
function subcommandsOf(options: CommandOption[], above: string[] = []): Branch[] {
  return options.flatMap((option) => {
    const path = [...above, option.name];
    if (option.type === OptionType.SubcommandGroup) return subcommandsOf(option.options ?? [], path);
    return option.type === OptionType.Subcommand ? [{ path, option }] : [];
  });
}

function nest({ path, option }: Branch, values: OptionValue[]): OptionValue[] {
  const inner: OptionValue = { type: option.type, name: option.name, options: values };
  const [group] = path.slice(0, -1);
  return group === undefined ? [inner] : [{ type: OptionType.SubcommandGroup, name: group, options: [inner] }];
}

function valueOf(option: CommandOption, given: FormDataEntryValue | null): OptionValue | null {
  const { type, name } = option;
  if (type === OptionType.Boolean) return { type, name, value: given === 'true' };
  if (typeof given !== 'string' || given === '') return null;
  const counts = type === OptionType.Integer || type === OptionType.Number;
  return { type, name, value: counts ? Number(given) : given };
}

function OptionInput({ option, guild, focus }: { option: CommandOption; guild: GuildId; focus: boolean }): JSX.Element {
  const { world } = useApp();
  const { name, type, required = false, choices } = option;
  const first = (element: HTMLElement | null): void => {
    if (focus && element !== null && document.activeElement === document.body) element.focus();
  };
  const select = (entries: [string, string][]): JSX.Element => (
    <select name={name} required={required} ref={first}>
      {!required && <option value="" />}
      {entries.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
  if (choices !== undefined && choices.length > 0) {
    return select(choices.map((choice) => [String(choice.value), choice.name]));
  }
  const here = world.guilds.value.get(guild);
  if (type === OptionType.Channel) return select((here?.channels ?? []).map((it) => [it.id, it.name ?? it.id]));
  if (type === OptionType.User) {
    const users = (here?.members ?? []).flatMap((member) => member.user ?? []);
    return select(users.map((user) => [user.id, world.nameOf(user.id, guild)]));
  }
  if (type === OptionType.Boolean) return <input type="checkbox" name={name} value="true" ref={first} />;
  const counts = type === OptionType.Integer || type === OptionType.Number;
  if (!counts) return <input type="text" name={name} required={required} autoComplete="off" ref={first} />;
  return (
    <input
      type="number"
      step={type === OptionType.Integer ? 1 : 'any'}
      min={option.min_value}
      max={option.max_value}
      name={name}
      required={required}
      ref={first}
    />
  );
}
