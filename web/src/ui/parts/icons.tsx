/** Small drawings, in the colour of the text around them. They are never read aloud: what they mean stands beside. */

import type { JSX } from 'preact';

const PATHS = {
  microphone: ['M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z', 'M6 11a6 6 0 0 0 12 0', 'M12 17v4'],
  microphoneOff: [
    'M15 10V6a3 3 0 0 0-5.7-1.3',
    'M9 9v2a3 3 0 0 0 4.6 2.5',
    'M6 11a6 6 0 0 0 9.6 4.8',
    'M18 11c0 .9-.2 1.8-.6 2.6',
    'M12 17v4',
    'M4 4l16 16',
  ],
  headphones: ['M4 15v-3a8 8 0 0 1 16 0v3', 'M4 15a2 2 0 0 1 4 0v3a2 2 0 0 1-4 0z', 'M16 15a2 2 0 0 1 4 0v3a2 2 0 0 1-4 0z'],
  headphonesOff: [
    'M4 15v-3a8 8 0 0 1 2.3-5.6',
    'M9.5 4.400A8 8 0 0 1 20 12v3',
    'M4 15a2 2 0 0 1 4 0v3a2 2 0 0 1-4 0z',
    'M16 16v2a2 2 0 0 0 3 1.7',
    'M4 4l16 16',
  ],
  camera: ['M4 7h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1z', 'M15 11l6-3.500v9L15 13z'],
  cameraOff: [
    'M10 7h3a2 2 0 0 1 2 2v3',
    'M15 15a2 2 0 0 1-2 2H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1h2',
    'M15 11l6-3.500v9',
    'M4 4l16 16',
  ],
  screen: ['M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z', 'M12 14V8', 'M9.5 10.500L12 8l2.5 2.5', 'M8 20h8'],
  hangUp: ['M3.5 14.500c-.8-1-.8-2.3 0-3.2 4.7-4.4 12.3-4.4 17 0 .8.9.8 2.2 0 3.200l-.7.9c-.4.5-1.1.7-1.7.4l-2.5-1.100a1.4 1.4 0 0 1-.8-1.500l.2-1.400a11 11 0 0 0-6 0l.2 1.400c.1.6-.2 1.2-.8 1.500l-2.5 1.100c-.6.3-1.3.1-1.7-.400z'],
  phone: ['M6.5 3.500l2 .1c.5 0 1 .4 1.1.9l.7 2.900c.1.5 0 1-.4 1.300L8.4 10a12.5 12.5 0 0 0 5.6 5.600l1.3-1.500c.3-.4.8-.5 1.3-.4l2.9.7c.5.1.9.6.9 1.100l.1 2a2 2 0 0 1-2 2.100C10.7 19.3 4.7 13.3 4.4 5.500a2 2 0 0 1 2.1-2z'],
  speaker: ['M4 9.500h3L12 5v14l-5-4.500H4z', 'M15.5 9a4.5 4.5 0 0 1 0 6', 'M18 6.500a8 8 0 0 1 0 11'],
  stage: ['M12 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6z', 'M8 20v-1.500a4 4 0 0 1 8 0V20', 'M6 13a8 8 0 1 1 12 0'],
  text: ['M9 4L7 20', 'M17 4l-2 16', 'M4.5 9h16', 'M3.5 15h16'],
  chart: ['M4 19h16', 'M5 14l4-5 4 3 6-7'],
  chat: ['M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-7l-4.5 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z'],
  gear: [
    'M12 15.200a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.400z',
    'M19.4 13.500l1.6 1.2-1.9 3.3-1.9-.7a7.5 7.5 0 0 1-2.2 1.300l-.3 2h-3.800l-.3-2a7.5 7.5 0 0 1-2.2-1.300l-1.9.7L4.6 14.700l1.6-1.200a7.6 7.6 0 0 1 0-3L4.6 9.3 6.5 6l1.9.7a7.5 7.5 0 0 1 2.2-1.300l.3-2h3.800l.3 2a7.5 7.5 0 0 1 2.2 1.300l1.9-.7L21 9.300l-1.6 1.200a7.6 7.6 0 0 1 0 3z',
  ],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  back: ['M14.5 5l-7 7 7 7'],
  send: ['M4 12l16-7-6 15-3-6z', 'M11 14l9-9'],
  more: ['M6 12h.01', 'M12 12h.01', 'M18 12h.01'],
  sun: ['M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z', 'M12 3v2', 'M12 19v2', 'M3 12h2', 'M19 12h2', 'M5.6 5.600L7 7', 'M17 17l1.4 1.4', 'M5.6 18.400L7 17', 'M17 7l1.4-1.4'],
  moon: ['M19.5 14A8 8 0 0 1 10 4.5 8 8 0 1 0 19.5 14z'],
  halfMoon: ['M12 4a8 8 0 1 0 0 16z', 'M12 4a8 8 0 0 1 0 16'],
  eye: ['M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z', 'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z'],
  exit: ['M10 4H5a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h5', 'M15 8l4 4-4 4', 'M19 12H9'],
} as const;

/** The name of a drawing. */
export type IconName = keyof typeof PATHS;

/** A drawing of 24 by 24. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={name === 'more' ? 2.6 : 1.7}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {PATHS[name].map((path) => (
        <path key={path} d={path} />
      ))}
    </svg>
  );
}
