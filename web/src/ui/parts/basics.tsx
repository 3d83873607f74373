/** Buttons and pictures that all parts are made of. */

import type { ComponentChildren, JSX } from 'preact';
import type { UserId } from '../../protocol/index.ts';
import { Icon, type IconName } from './icons.tsx';

interface IconButtonProps {
  icon: IconName;
  /** What it does: read aloud, and shown when one points at it. */
  label: string;
  onClick: () => void;
  /** For what opens and closes something. What is on or off says in its label what the button does next. */
  expanded?: boolean;
  tone?: 'plain' | 'off' | 'on' | 'danger' | 'good';
  size?: 'small' | 'large';
  disabled?: boolean;
  /** The key that does the same. */
  keys?: string;
}

/** A button that is a drawing. */
export function IconButton(props: IconButtonProps): JSX.Element {
  const { icon, label, onClick, expanded, tone = 'plain', size = 'small', disabled = false, keys } = props;
  return (
    <button
      type="button"
      class={`icon-button ${size} ${tone}`}
      aria-label={label}
      title={keys === undefined ? label : `${label} (${keys})`}
      aria-keyshortcuts={keys}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} size={size === 'large' ? 22 : 18} />
    </button>
  );
}

/**
 * The first letters of a name, on a colour that is always the same for the same person. Without a size, the style sheet
 * has one.
 */
export function Avatar({ user, name, size }: { user: UserId; name: string; size?: number }): JSX.Element {
  const letters = name
    .split(/[\s_.-]+/)
    .filter((word) => word !== '')
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase() ?? '')
    .join('');
  const hue = Number(BigInt(user) % 360n);
  return (
    <span
      class="avatar"
      aria-hidden="true"
      style={`--hue:${hue}${size === undefined ? '' : `;--size:${size}px`}`}
    >
      {letters || '?'}
    </span>
  );
}

/** Text for who cannot see. */
export function Hidden({ children }: { children: ComponentChildren }): JSX.Element {
  return <span class="visually-hidden">{children}</span>;
}
